"""What TLS ports speak, as sslyze finds it out; run by ``scanned.py`` in an environment of sslyze's own.

    python tls_scan.py ADDRESS NAME AT_A_TIME PORT…

AT_A_TIME is how many connections a port gets at once. Prints JSON: port → ``spoken`` (version → names of its cipher
suites) and ``flaws``, names of weaknesses. What could not be found out is a flaw as well.
"""

import json
import sys

from sslyze import (
    ProtocolWithOpportunisticTlsEnum,
    ScanCommand,
    Scanner,
    ServerNetworkConfiguration,
    ServerNetworkLocation,
    ServerScanRequest,
)

SUITES = {
    "SSLv2": ScanCommand.SSL_2_0_CIPHER_SUITES,
    "SSLv3": ScanCommand.SSL_3_0_CIPHER_SUITES,
    "TLSv1": ScanCommand.TLS_1_0_CIPHER_SUITES,
    "TLSv1.1": ScanCommand.TLS_1_1_CIPHER_SUITES,
    "TLSv1.2": ScanCommand.TLS_1_2_CIPHER_SUITES,
    "TLSv1.3": ScanCommand.TLS_1_3_CIPHER_SUITES,
}
# Name of the weakness → who looks for it, and whether it is there.
FLAWS = {
    "compression": (ScanCommand.TLS_COMPRESSION, lambda it: it.supports_compression),
    "renegotiation by the client": (
        ScanCommand.SESSION_RENEGOTIATION,
        lambda it: it.client_renegotiations_success_count > 0,
    ),
    "insecure renegotiation": (ScanCommand.SESSION_RENEGOTIATION, lambda it: not it.supports_secure_renegotiation),
    "Heartbleed": (ScanCommand.HEARTBLEED, lambda it: it.is_vulnerable_to_heartbleed),
    "CCS injection": (ScanCommand.OPENSSL_CCS_INJECTION, lambda it: it.is_vulnerable_to_ccs_injection),
    "ROBOT": (ScanCommand.ROBOT, lambda it: not it.robot_result.value.startswith("NOT_VULNERABLE")),
    "early data": (ScanCommand.TLS_1_3_EARLY_DATA, lambda it: it.supports_early_data),
}
COMMANDS = {*SUITES.values(), *(command for command, _ in FLAWS.values())}
STARTTLS = {25, 587}


def request(address, name, port):
    how = ProtocolWithOpportunisticTlsEnum.SMTP if port in STARTTLS else None
    return ServerScanRequest(
        ServerNetworkLocation(name, port, ip_address=address),
        ServerNetworkConfiguration(name, tls_opportunistic_encryption=how, network_timeout=15),
        scan_commands=COMMANDS,
    )


def found(result):
    """What a port speaks and suffers from."""
    if result.scan_result is None:
        return {"spoken": {}, "flaws": [f"no TLS: {result.connectivity_error_trace}"]}
    got = {it: getattr(result.scan_result, it.value) for it in COMMANDS}
    flaws = [f"{it.value} unknown: {one.error_trace}" for it, one in got.items() if one.result is None]
    spoken = {
        version: [it.cipher_suite.openssl_name for it in got[command].result.accepted_cipher_suites]
        for version, command in SUITES.items()
        if got[command].result and got[command].result.accepted_cipher_suites
    }
    flaws += [name for name, (it, there) in FLAWS.items() if got[it].result and there(got[it].result)]
    return {"spoken": spoken, "flaws": flaws}


def main(address, name, at_a_time, *ports):
    scanner = Scanner(per_server_concurrent_connections_limit=int(at_a_time), concurrent_server_scans_limit=3)
    scanner.queue_scans([request(address, name, int(port)) for port in ports])
    json.dump({it.server_location.port: found(it) for it in scanner.get_results()}, sys.stdout, default=str)


if __name__ == "__main__":
    main(*sys.argv[1:])

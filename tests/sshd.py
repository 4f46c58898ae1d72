"""A real SSH server on the loopback, in this process: paramiko's server side, which runs what it is told with ``sh -c``.

For what a real host would have to be broken for: connections that break, logins that are counted, few sessions.
"""

import os
import socket
import subprocess
import threading

import paramiko


class Sshd(paramiko.ServerInterface):
    """One user's key lets in. ``logins`` that still last and ``most`` sessions at a time are counted."""

    def __init__(self, folder, sessions=10, path=""):
        self.folder, self.sessions, self.path = folder, sessions, path
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.transports = []
        self.key, own = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
        self.key.write_private_key_file(str(folder / "id"))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        known = f"[127.0.0.1]:{self.port} {own.get_name()} {own.get_base64()}\n"
        (folder / "known_hosts").write_text(known)
        threading.Thread(target=self._serve, args=(own,), daemon=True).start()

    @property
    def data(self):
        """What pyinfra is to be told of it."""
        files = {"ssh_key": str(self.folder / "id"), "ssh_known_hosts_file": str(self.folder / "known_hosts")}
        return {"ssh_hostname": "127.0.0.1", "ssh_port": self.port, "ssh_user": "op", **files}

    def _serve(self, own):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(own)
            self.transports.append(transport)
            transport.start_server(event=threading.Event(), server=self)

    @property
    def logins(self):
        return sum(it.is_authenticated() for it in self.transports)

    def hang_up(self):
        """Cut all connections, as a host does that loses its power and comes back."""
        for transport in self.transports:
            transport.sock.close()
            transport.close()

    def close(self):
        self.listener.close()
        self.hang_up()

    def get_allowed_auths(self, _username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        if (username, key) != ("op", self.key):
            return paramiko.AUTH_FAILED
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, _kind, _number):
        with self.lock:
            if self.now >= self.sessions:
                return paramiko.OPEN_FAILED_RESOURCE_SHORTAGE
            self.now += 1
            self.most = max(self.most, self.now)
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=self._run, args=(channel, command), daemon=True).start()
        return True

    def _run(self, channel, command):
        channel.recv(1)  # the end of its input, which a client sends when it knows that the command is under way
        environment = {**os.environ, "PATH": f"{self.path}:{os.environ['PATH']}"}
        process = subprocess.run(
            ["sh", "-c", f"exec {command.decode()}"], env=environment, capture_output=True, check=False
        )
        with self.lock:
            self.now -= 1
        channel.sendall(process.stdout)
        channel.sendall_stderr(process.stderr)
        if process.returncode >= 0:  # one that was killed has none
            channel.send_exit_status(process.returncode)
        channel.close()

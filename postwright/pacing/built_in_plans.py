"""The plans that come with postwright: published schedules, as data.

Each number is messages of one address; a plan gives it to every provider (see plan.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from .plan import Plan

# Beyond the published days: "double every 3 days until desired volume", up to what Mandrill says one address carries
# (500,000 a day).
_BRAZE = (50, 100, 500, 1_000, 2_000, 4_000, 8_000)
_DOUBLED = tuple(8_000 * 2**step for step in range(1, 7))

_SENDGRID = (
    *(20, 28, 39, 55, 77, 108, 151, 211, 295, 413, 579, 810, 1_000, 1_587, 2_222, 3_111, 4_356, 6_098, 8_583, 11_953),
    *(16_734, 23_427, 32_798, 45_917, 64_284, 89_998, 125_997, 176_395, 246_953, 345_735, 484_029, 677_640, 948_696),
    *(1_328_175, 1_859_444, 2_603_222, 3_644_511, 5_102_316, 7_143_242, 10_000_539, 14_000_754, 19_601_056),
)

# The page prints stage 28 as "7,50,000".
_SPARKPOST = (
    *(200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 50_000, 75_000, 100_000, 150_000, 200_000, 250_000),
    *(325_000, 400_000, 500_000, 600_000, 750_000, 1_000_000, 1_250_000, 1_750_000, 2_000_000, 3_000_000, 4_250_000),
    *(5_000_000, 6_000_000, 7_500_000, 10_000_000),
)

BUILT_IN: Mapping[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan(
            "conservative",
            "day",
            tuple(number for number in (*_BRAZE, *_DOUBLED) for _ in range(3)),
            source="Braze, IP warming, conservative schedule"
            " (www.braze.com/docs/user_guide/message_building_by_channel/email/email_setup/ip_warming)",
        ),
        Plan(
            "hourly",
            "hour",
            _SENDGRID,
            source="SendGrid, IP warmup schedule, days 0 to 41"
            " (sendgrid.kke.co.jp/docs/API_Reference/Web_API_v3/IP_Management/ip_warmup_schedule.html)",
        ),
        Plan(
            "staged",
            "day",
            _SPARKPOST,
            source="SparkPost, automated IP warmup, stages 1 to 29 (github.com/SparkPost/support-docs,"
            " content/docs/user-guide/automated-ip-warmup.md)",
        ),
    )
}

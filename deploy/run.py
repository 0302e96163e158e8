"""`make run`: the whole product on this machine with demo data, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import get_args

from deploy.demo.accounts import PASSWORD, SHOWN, demo_accounts
from deploy.stack import Broker, Database, Ports, Stack, StartFailed
from services.intake.adapters.reference_files import load_calendar
from shared.clock import DemoClock, at, local, local_date, system_clock
from shared.vietnamese.calendar import Scope
from shared.vietnamese.dates import format_date

OPENING, CLOSING = "06:15", "17:00"


def main() -> int:
    """Starts, prints where to look, keeps everything alive. Exit 1 with one line when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m deploy.run", description=__doc__)
    add_bases(parser)
    parser.add_argument("--empty", action="store_true", help="without demo data")
    given = parser.parse_args()
    stop = threading.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: stop.set())
    stack = chosen_stack(given)
    open_the_office(stack.clock)
    print("Tận Nhà đang khởi động ...", flush=True)
    try:
        stack.start(cancelled=stop.is_set)
    except StartFailed as error:
        print(f"Không khởi động được: {error}", file=sys.stderr)
        return 1
    prepare_accounts(stack)
    print_addresses(stack)
    seeding = None if given.empty else seed(stack)
    while not stop.wait(0.5):
        for name in stack.revive():
            print(f"{name} đã dừng và được khởi động lại.", flush=True)
    print("\nĐang dừng ...", flush=True)
    if seeding is not None and seeding.poll() is None:
        seeding.terminate()
        seeding.wait()
    stack.stop()
    return 0


def add_bases(parser: argparse.ArgumentParser) -> None:
    """The options that say on what the product stands."""
    parser.add_argument("--broker", choices=get_args(Broker), default="embedded")
    parser.add_argument("--database", choices=get_args(Database), default="sqlite")
    parser.add_argument(
        "--data", type=Path, help="folder for all data; each pair of bases has its own below var/"
    )
    parser.add_argument("--free-ports", action="store_true", help="beside another one, on ports of its own")


def chosen_stack(given: argparse.Namespace) -> Stack:
    """The product that the options of `add_bases` describe."""
    ports = Ports.free() if given.free_ports else Ports()
    plain = (given.broker, given.database) == ("embedded", "sqlite")
    usual = Path("var") if plain else Path("var") / f"{given.broker}-{given.database}"
    return Stack(given.data or usual, ports, broker=given.broker, database=given.database)


def seed(stack: Stack) -> subprocess.Popen[bytes]:
    """Fills the day in the background; out of reach of the terminal's Ctrl-C, which is ours to handle."""
    command = [sys.executable, "-m", "deploy.demo", "--seed-only", "--data", str(stack.data)]
    command += ["--broker", stack.broker, "--database", stack.database]
    return subprocess.Popen(command, start_new_session=True)


def open_the_office(clock: DemoClock) -> None:
    """Outside of office hours the demo clock is moved to the next working morning, never back."""
    calendar = load_calendar()
    now = clock()
    today = local_date(now)
    if calendar.is_working(today, Scope.POST) and at(today, OPENING) <= now < at(today, CLOSING):
        return
    earliest = today if now < at(today, OPENING) else today + timedelta(days=1)
    clock.set(at(calendar.first_working_day(earliest, Scope.POST), OPENING))


def prepare_accounts(stack: Stack) -> None:
    """The demonstration's accounts, once for each data folder."""
    file = stack.data / "demo-accounts.json"
    if file.exists():
        return
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(demo_accounts(), ensure_ascii=False), encoding="utf-8")
    command = [sys.executable, "-m", "services.intake.entrypoints.cli", "accounts", "import", str(draft)]
    environment = {**os.environ, **stack.parts["intake-api"].environment}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    draft.replace(file)


def print_addresses(stack: Stack) -> None:
    """What a person needs to begin."""
    now = local(stack.clock())
    print(f"""
Tận Nhà đã sẵn sàng.

  Trang đầu (người dân, đăng nhập)   {stack.ports.url("intake")}/
  Điều độ viên (lộ trình)            {stack.ports.url("routing")}/dieu-do
  Nhân viên bưu chính (điện thoại)   {stack.ports.url("postal_bridge")}/buu-ta
  Bộ phận Một cửa                    {stack.ports.url("postal_bridge")}/mot-cua
  Zalo giả lập (tin người dân nhận)  {stack.ports.url("fake_zalo")}/
""")
    print(f"  Tài khoản trình diễn (mật khẩu {PASSWORD}):")
    for role, account in SHOWN:
        print(f"    {account:<16} {role}")
    print(
        f"\nĐồng hồ trình diễn: {now:%H:%M} ngày {format_date(now.date())}."
        " Dừng bằng Ctrl-C; `make reset` xoá dữ liệu."
    )
    if now.date() != local_date(system_clock()):
        print("(Ngoài giờ làm việc, đồng hồ trình diễn được dời đến sáng ngày làm việc kế tiếp.)")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

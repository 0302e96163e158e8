"""Where Java and the jars of Apache Kafka are; Maven brings the jars once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.missing import NotRunnable

FOLDER = Path(__file__).resolve().parent
POM = FOLDER / "pom.xml"
JAVA_NEEDED = 17
FETCH_SECONDS = 600.0
"""Maven asks the network: on a slow line the first time takes minutes, later times none."""


def kafka_version() -> str:
    """The version that the pom asks for."""
    found = re.search(r"<kafka\.version>(.+)</kafka\.version>", POM.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{POM} names no kafka.version")
    return found[1]


def find_java() -> str:
    """The path of a Java runtime, from JAVA_HOME or the PATH. Raises NotRunnable."""
    home = os.environ.get("JAVA_HOME")
    java = (shutil.which("java", path=f"{home}/bin") if home else None) or shutil.which("java")
    if java is None:
        raise NotRunnable(f"Cần Java từ bản {JAVA_NEEDED} để chạy Apache Kafka; máy này không có Java.")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if version is None or int(version[1]) < JAVA_NEEDED:
        seen = version[1] if version else "không rõ"
        raise NotRunnable(f"Cần Java từ bản {JAVA_NEEDED} để chạy Apache Kafka; {java} là bản {seen}.")
    return java


def find_jars() -> Path | None:
    """The folder with the jars, if they are here: TANNHA_KAFKA_LIBS, or what Maven brought earlier."""
    given = os.environ.get("TANNHA_KAFKA_LIBS")
    folder = Path(given) if given else _own_folder()
    if any(folder.glob("kafka_*.jar")):
        return folder
    if given:
        raise NotRunnable(f"TANNHA_KAFKA_LIBS={given} không chứa Apache Kafka (kafka_*.jar).")
    return None


def fetch_jars() -> Path:
    """The folder with the jars; Maven copies them there when they are missing. Raises NotRunnable.

    Safe when several processes ask at once: each copies aside, the first to finish gives the folder its name.
    """
    found = find_jars()
    if found is not None:
        return found
    maven = shutil.which("mvn")
    if maven is None:
        raise NotRunnable(
            "Cần Maven (mvn) để tải Apache Kafka, hoặc đặt TANNHA_KAFKA_LIBS là thư mục có sẵn các tệp jar."
        )
    print("Đang tải Apache Kafka bằng Maven (chỉ lần đầu) ...", file=sys.stderr, flush=True)
    target = _own_folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=target.parent) as aside:
        copied = Path(aside) / "jars"
        _copy_dependencies(maven, copied)
        try:
            copied.rename(target)
        except OSError:
            if find_jars() is None:
                raise
    return target


def _own_folder() -> Path:
    # Beside the environment's packages: it survives `make reset` and goes with `make clean`.
    return Path(sys.prefix) / "share" / f"apache-kafka-{kafka_version()}"


def _copy_dependencies(maven: str, target: Path) -> None:
    command = [maven, "-B", "-q", "-f", str(POM), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise NotRunnable(
            f"Maven chưa tải xong Apache Kafka sau {FETCH_SECONDS / 60:.0f} phút; kiểm tra mạng rồi chạy lại."
        ) from None
    if done.returncode != 0:
        words = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        reason = re.sub(r"\x1b\[[0-9;]*m", "", words[0]) if words else f"mã thoát {done.returncode}"
        raise NotRunnable(f"Maven không tải được Apache Kafka: {reason[:200]}")

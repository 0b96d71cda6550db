"""The page in a process of its own, as `python app.py` starts it, and what that process costs."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from playground.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0  # seconds until the page must be up


@dataclass
class Server:
    url: str
    process: subprocess.Popen
    temp: Path
    seconds: float  # from the start of the process to the page

    @property
    def megabytes(self) -> float | None:
        """Memory in use (resident), where the system tells it."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    @property
    def seconds_of_processor(self) -> float | None:
        """That the process has used so far, where the system tells it."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def temp_megabytes(self) -> float:
        return sum(file.stat().st_size for file in self.temp.rglob("*") if file.is_file()) / 1e6


@contextlib.contextmanager
def serving(
    checkpoint: str = "emoji-32", device: str = "auto", plain: bool = False, engines: str = ""
) -> Iterator[Server]:
    """The page, with its engines elsewhere if so asked, or the plain app, on a free port of this machine; its process
    is ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as temp:
        environment = os.environ | {
            "GRADIO_TEMP_DIR": temp,
            "GRADIO_ANALYTICS_ENABLED": "False",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
        }
        command = ["app.py", "--port", str(port), "--checkpoint", checkpoint, "--device", device]
        command += ["--engines", engines] if engines else []
        if plain:
            command = ["-m", "playground.bench.plain", str(port), checkpoint]
        log = Path(temp) / "server.log"
        with log.open("w") as out:
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
            )
        try:
            url = f"http://127.0.0.1:{port}"
            with httpx.Client(timeout=5) as client:  # one for all: to make one takes longer than to ask
                while True:
                    with contextlib.suppress(httpx.HTTPError):
                        if client.get(url).status_code == 200:
                            break
                    if process.poll() is not None or time.perf_counter() - started > PATIENCE:
                        raise UserError(
                            "The page did not come up:\n" + log.read_text()[-2000:].replace("{", "(").replace("}", ")")
                        )
                    time.sleep(0.02)
            yield Server(url, process, Path(temp), time.perf_counter() - started)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()

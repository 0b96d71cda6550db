"""Starting the page: what stands in the way is said in one sentence, and all else on the console is its address."""

import socket
import sys

import pytest

import app
from playground.bench.crowd import press_once
from playground.bench.server import serving


@pytest.fixture
def started(monkeypatch, tiny_checkpoint):
    """Starts the page as the command line would; gives back what it ends with."""

    monkeypatch.setattr(app.checkpoints, "_offered", {})

    def start(*arguments):
        monkeypatch.setattr(sys, "argv", ["app.py", "--checkpoint", str(tiny_checkpoint), *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return str(ended.value.code)

    return start


def test_a_port_that_is_taken_is_named(started):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert port in started("--port", port)


def test_a_folder_for_uploads_that_cannot_be_written_is_named(started, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "file" / "uploads"))
    assert started().startswith("app.py: Nothing can be written to")


def test_nothing_but_the_address_is_printed(tiny_checkpoint):
    with serving(str(tiny_checkpoint)) as server:
        assert press_once(server, count=1, steps=2).pictures  # the net has been read, and the way to run it found
        printed = (server.temp / "server.log").read_text()
    assert printed.splitlines() == [f"The playground is on {server.url}/"]

"""The script that chooses the language comes ahead of Gradio's, and nothing else of the page changes."""

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from playground.page.widgets.language.early import MIDDLEWARE, SCRIPT

PAGE = "<!doctype html><html><head><meta charset='utf-8'><script src='x.js'></script></head><body>é</body></html>"


def test_it_stands_first_in_the_head_of_the_page_alone():
    routes = [
        Route("/", lambda request: HTMLResponse(PAGE)),
        Route("/part", lambda request: HTMLResponse(PAGE)),
        Route("/data/", lambda request: JSONResponse("<head>")),
    ]
    client = TestClient(Starlette(routes=routes, middleware=[MIDDLEWARE]))
    answer = client.get("/")
    assert answer.text == PAGE.replace("<head>", "<head>" + SCRIPT.decode(), 1)
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert client.get("/part").text == PAGE and client.get("/data/").json() == "<head>"
    assert client.get("/nothing/").status_code == 404

/* What the server computes: written by `python -m tests.parity`, and recomputed by tests/test_parity.py. */

import { readFileSync } from "node:fs";

export const fixture = JSON.parse(readFileSync(new URL("./fixture.json", import.meta.url), "utf-8"));

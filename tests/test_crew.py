"""Downloads by two processes: the same as by one, whatever happens to the other."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipeline.item import image_id
from tests.conftest import ROOT
from tests.replay import commons, faults
from tests.replay.serving import jpeg, served

# A process of its own, as one with threads (such as this one, with its servers) is never forked.
SCRAPE = """
import json, os, signal, sys
from pathlib import Path
from pipeline import params
from pipeline.collect import crew
from pipeline.collect.scrape import scrape

crew.MANY = 1
given = json.loads(sys.argv[1])
forked, fork = [], crew._forked
crew._forked = lambda *rest: forked.append(fork(*rest)) or forked[-1]

if given.get("full"):
    def keep(files, data):
        raise OSError(28, "No space left on device", "files")
    crew.Files.keep = keep

def on_change(tally):
    if given.get("kill") == tally.kept:
        os.kill(forked[0].pid, signal.SIGKILL)

report = scrape("barns", params.Class(**given["class"]), params.Scrape(**given["scrape"]), Path(given["out"]) / "barns",
                Path(given["out"]) / "ledger", params.Run(workers=2, **given.get("run", {})), on_change=on_change)
print(json.dumps({"ids": [item.id for item in report.items], "warnings": report.warnings, "forked": len(forked),
                  "refused": [[r.rule, r.detail] for r in report.rejections]}))
"""


def collect(**given: object) -> dict:
    done = subprocess.run([sys.executable, "-c", SCRAPE, json.dumps(given)], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kill", [0, 7, 60])
def test_the_same_images_in_the_same_order_even_if_the_other_process_dies(kill: int, tmp_path: Path) -> None:
    with served(commons.application(160)) as site:
        told = collect(
            **{"class": {"terms": ["barn"], "count": 150, "sources": ["commons"]}}, out=str(tmp_path), kill=kill, run={"per_host": 16},
            scrape={"contact": "a@example.org", "endpoints": {"commons": site.base}, "allow_hosts": [site.host]},
        )
        assert told["ids"] == [image_id(jpeg(n)) for n in range(1, 151)] and told["forked"] == 1
        counts = Counter(path for path in site.requests if path.startswith("/full/"))
        assert len(counts) == 150 and max(counts.values()) <= (2 if kill else 1)
        assert site.requests.count("/robots.txt") == 2, "each process asked: both took part"


def test_reasons_come_back_from_the_other_process(tmp_path: Path) -> None:
    paths = ["/ok.jpg", "/nowhere", "/html.jpg", "/noai.jpg", "/loop", "/to?url=http://169.254.169.254/", "/same/1.jpg"]
    with faults.served() as site:
        (tmp_path / "list.txt").write_text("".join(f"{site.base}{path}\n" for path in paths * 2))
        told = collect(
            **{"class": {"count": 50, "sources": [{"urls": {"path": str(tmp_path / "list.txt")}}]}}, out=str(tmp_path),
            scrape={"contact": "a@example.org", "allow_hosts": [site.host]},
        )
    rules = {detail.split(": ")[0].removeprefix(site.base): rule for rule, detail in told["refused"]}
    assert rules == {
        "/nowhere": "http_404", "/html.jpg": "unreadable", "/noai.jpg": "opt_out", "/loop": "redirects",
        "/to?url=http://169.254.169.254/": "forbidden_address",
    }
    assert len(told["ids"]) == 2


def test_without_a_contact_the_other_process_refuses_the_public_web_too(tmp_path: Path) -> None:
    with faults.served() as site:
        hosts = "".join(f"http://{name}.example/1.jpg\n" for name in "abcdefgh")  # they belong to either process
        (tmp_path / "list.txt").write_text(f"{site.base}/ok.jpg\n{hosts}")
        told = collect(
            **{"class": {"count": 50, "sources": [{"urls": {"path": str(tmp_path / "list.txt")}}]}}, out=str(tmp_path),
            scrape={"allow_hosts": [site.host]},
        )
    assert len(told["ids"]) == 1 and "scrape.contact is empty" in told["warnings"][0]


def test_a_full_disk_ends_the_run_in_every_process(tmp_path: Path) -> None:
    with served(commons.application(40)) as site, pytest.raises(AssertionError, match="UserError: files: No space left on device"):
        collect(
            **{"class": {"terms": ["barn"], "count": 40, "sources": ["commons"]}}, out=str(tmp_path), full=True, run={"per_host": 16},
            scrape={"contact": "a@example.org", "endpoints": {"commons": site.base}, "allow_hosts": [site.host]},
        )

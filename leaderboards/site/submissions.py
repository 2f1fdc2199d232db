"""Pages of single submissions, of best-known solutions, and of how it all works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chipgym.leaderboards.ranking import BestKnown, Entry
from chipgym.leaderboards.schema import TaskResult
from chipgym.leaderboards.site.boards import board_path, task_path
from chipgym.leaderboards.site.html import (
    Cell,
    Column,
    badge,
    escape,
    link,
    number,
    page,
    plural,
    readable,
    score_text,
    slug,
    table,
)

__all__ = ["Download", "about_page", "best_page", "submission_page", "submission_path"]

SHOWN_RESULTS = 400


@dataclass(frozen=True)
class Download:
    """A file that is offered: its path from the site's folder, what it is, and its bytes."""

    path: str
    title: str
    size: int


def submission_path(folder: str) -> str:
    """File of a submission's page, from the site's folder."""
    return f"submissions/{slug(folder)}.html"


def submission_page(entry: Entry, downloads: Sequence[Download]) -> str:
    """A submission: who and what, its verification record, results, and downloads."""
    head, found = entry.submission, entry.verification
    badges = [badge("verified", "ok"), badge(head.kind, head.kind)]
    if head.multi_agent:
        badges.append(badge("many agents"))
    if any(task.recorded_version for task in found.tasks):
        badges.append(badge("simulated again"))
    about = f"<p>{escape(head.description)}</p>" if head.description else ""
    facts = [
        ("Board", link(f"../{board_path(head.suite)}", head.suite)),
        ("Authors", escape(", ".join(head.authors) or "–")),
        ("Date", f"<time>{head.date}</time>"),
        ("Seeds", escape(", ".join(map(str, head.seeds)))),
        ("Score", f"{_interval(found.iqm, found.iqm_low, found.iqm_high)}"),
        ("Training steps (attested)", f"{head.training_steps:,}"),
        ("Evaluations (attested)", f"{head.training_evaluations:,}"),
    ]
    return page(
        head.name,
        f'<p class="crumbs">{link("../index.html", "Boards")} / '
        f"{link(f'../{board_path(head.suite)}', head.suite)}</p><h1>{escape(head.name)}</h1>"
        f"<p>{''.join(badges)}</p>{about}{_facts(facts)}"
        f"<h2>Results</h2>{_tasks(entry)}"
        f"<h2>Verification record</h2>{_record(entry)}"
        f"<h2>Downloads</h2>{_downloads(downloads)}"
        f"<h2>Instances</h2>{''.join(_instances(task) for task in found.tasks)}",
        root="../",
    )


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    return f"<b>{score_text(value)}</b> [{score_text(low)}, {score_text(high)}]"


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    inner = "".join(f"<div><dt>{escape(name)}</dt><dd>{text}</dd></div>" for name, text in facts)
    return f'<dl class="facts">{inner}</dl>'


def _tasks(entry: Entry) -> str:
    columns = (
        Column("task", "Task"),
        Column("score", "Score", numeric=True),
        Column("interval", "95 % interval", wide=True),
        Column("metric", "Metric", wide=True),
        Column("mean", "Mean", numeric=True),
    )
    rows = [
        [
            Cell(
                link(f"../{task_path(entry.submission.suite, task.label)}", task.label), task.label
            ),
            Cell(f"<b>{score_text(task.iqm)}</b>", task.iqm),
            Cell(f"{score_text(task.iqm_low)} to {score_text(task.iqm_high)}", task.iqm_low),
            Cell(escape(readable(task.metric)), task.metric),
            Cell(number(task.mean_metric), task.mean_metric),
        ]
        for task in entry.verification.tasks
    ]
    return table("results", "Results by task", columns, rows)


def _record(entry: Entry) -> str:
    """What was checked, as a list, and the fingerprints of what it was checked on."""
    found = entry.verification
    episodes = plural(found.records, "episode")
    again = [task for task in found.tasks if task.recorded_version]
    checked = [task.label for task in found.tasks if task.feasibility == "checked"]
    unchecked = [task.label for task in found.tasks if task.feasibility != "checked"]
    if again:
        names = ", ".join(f"{t.label} (recorded with {t.recorded_version})" for t in again)
        replayed = (
            f"{episodes} replayed in a fresh process; a newer simulator made the results of "
            f"{names}."
        )
    else:
        replayed = (
            f"{episodes} replayed in a fresh process: decisions, counts and times equal, energies "
            "and returns within 1e-9."
        )
    lines = [replayed]
    if checked:
        lines.append(f"Independent check passed on {', '.join(checked)}.")
    if unchecked:
        lines.append(f"No independent check exists for {', '.join(unchecked)}.")
    agreed = "" if again else "; the claims agreed"
    lines.append(f"Scores, intervals and means recomputed{agreed}.")
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    versions = ", ".join(
        dict.fromkeys(f"{task.env} {task.simulator_version}" for task in found.tasks)
    )
    facts = [
        ("Package", f"chipgym {escape(found.package_version)}"),
        ("Simulators", escape(versions)),
        ("SHA-256 of records", f"<code>{escape(found.records_sha256)}</code>"),
        ("SHA-256 of submission", f"<code>{escape(found.submission_sha256)}</code>"),
    ]
    return f'<ul class="checks">{items}</ul>{_facts(facts)}'


def _downloads(downloads: Sequence[Download]) -> str:
    items = "".join(
        f"<li>{link(f'../{entry.path}', entry.title)} "
        f'<span class="note">{entry.size / 1000:,.1f} kB</span></li>'
        for entry in downloads
    )
    return f'<ul class="downloads">{items}</ul>'


def _instances(task: TaskResult) -> str:
    columns = (
        Column("instance", "Instance"),
        Column("seed", "Seed", numeric=True),
        Column("value", readable(task.metric), numeric=True),
        Column("score", "Score", numeric=True),
    )
    rows = [
        [
            Cell(f"<code>{escape(result.instance_id)}</code>", result.instance),
            Cell(str(result.seed), result.seed),
            Cell(number(result.metric), result.metric),
            Cell(score_text(result.score), result.score),
        ]
        for result in task.results[:SHOWN_RESULTS]
    ]
    more = len(task.results) - len(rows)
    rest = f'<p class="note">{more:,} more are in the records.</p>' if more else ""
    inner = table(f"instances-{slug(task.label)}", f"Results on {task.label}", columns, rows)
    return (
        f"<details><summary>{escape(task.label)}: {plural(len(task.results), 'episode')}</summary>"
        f"{inner}{rest}</details>"
    )


def best_page(best: Sequence[BestKnown], files: dict[tuple[str, str], str]) -> str:
    """The best-known solution of every instance; `files` has the solutions, by suite and task."""
    columns = (
        Column("env", "Environment", wide=True),
        Column("task", "Task"),
        Column("instance", "Instance"),
        Column("metric", "Metric", wide=True),
        Column("value", "Best known", numeric=True),
        Column("score", "Score", numeric=True, wide=True),
        Column("method", "Method"),
        Column("solution", "Solution"),
    )
    rows = [
        [
            Cell(f"<code>{escape(e.env)}</code>", e.env),
            Cell(link(task_path(e.suite, e.task), e.task), e.task),
            Cell(f"<code>{escape(e.instance_id)}</code>", e.instance),
            Cell(escape(readable(e.metric)), e.metric),
            Cell(f"<b>{number(e.value)}</b>", e.value),
            Cell(score_text(e.score), e.score),
            Cell(link(submission_path(e.folder), e.name), e.name),
            Cell(link(files[e.suite, e.task], "records"), e.seed),
        ]
        for e in best
    ]
    tags = [f"|{e.env} {e.task} {e.instance_id} {e.name}".lower() for e in best]
    tools = (
        '<form class="tools" role="search" hidden><label class="find">Find <input type="search" '
        'name="q" placeholder="environment, task, instance or method" autocomplete="off"></label>'
        '<output aria-live="polite"></output></form>'
    )
    content = table("best", "Best-known solution of each instance", columns, rows, tags=tags)
    if not rows:
        content = '<p class="note">No verified submission yet.</p>'
    return page(
        "Best known",
        "<h1>Best-known solutions</h1>"
        '<p class="lead">The best verified result of each test instance, over all submissions of '
        "all boards, with the actions that lead to it.</p>"
        f"{tools}{content}",
        current="Best known",
    )


def about_page() -> str:
    """How submissions are verified and ranked, and how to make one."""
    checks = (
        (
            "SoC scheduling",
            "every task once, on a unit that supports it, after its data have "
            "arrived, no unit used twice at a time",
        ),
        (
            "DRAM controllers",
            "every command keeps the JEDEC timing rules, each request is served, "
            "no bank is owed more refreshes than the standard lets one postpone",
        ),
        (
            "Logic synthesis",
            "the circuit computes what its source computes, and has as many nodes "
            "and levels as stated",
        ),
        (
            "Co-design",
            "budgets of PEs and bandwidth kept, layers in order and one at a time on a "
            "sub-accelerator, latency, energy, area and penalties summed up anew",
        ),
    )
    items = "".join(f"<li><b>{name}</b>: {rule}.</li>" for name, rule in checks)
    return page(
        "How it works",
        "<h1>How it works</h1><h2>Score</h2><p>On each test instance, score = (random − x) / "
        "(random − reference): 0 is the random policy, 1 is the reference method, above 1 is "
        "better. The ranking is by the interquartile mean over seeds and instances; intervals are "
        "95 % stratified bootstrap intervals. Rankings over all tasks, or over a family, hold "
        "submissions that have all of its tasks.</p>"
        "<h2>Verified and attested</h2><p>A submission is artefacts: the actions of every episode, "
        "and the schedules that followed. They are replayed in a fresh process with limited time "
        "and memory, must come out equal, and pass an independent check. Nothing in a submission "
        "is executed. What training or search cost cannot be proven from actions: it is the "
        "submitter's word and marked *.</p>"
        f"<h2>Independent checks</h2><ul>{items}</ul>"
        "<h2>Submit</h2><pre><code>chipgym benchmark core-v0 --out runs/mine\n"
        'chipgym leaderboard submit runs/mine --agent MyAgent --author "You" --out '
        "submissions/mine\nchipgym leaderboard verify submissions/mine</code></pre>"
        "<p>The folder that this makes holds <code>submission.json</code> and "
        "<code>records.jsonl</code>; it may hold a README and the trained policy as ONNX or "
        "safetensors. Send it as a pull request.</p>",
        current="How it works",
    )

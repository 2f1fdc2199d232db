"""The page that says how submissions are verified and ranked, and how to make one."""

from __future__ import annotations

from chipgym.leaderboards.site.html import page

__all__ = ["about_page"]


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
        "95 % stratified bootstrap intervals.</p>"
        "<h2>Boards</h2><p>Scores over different tasks do not compare. So there is a board for "
        "each environment, each family and each suite, and a submission is ranked on those of "
        "which it has all tasks, with all instances. The boards name the others, with the tasks "
        "that they have. Most methods are made for one environment: its board is the one to look "
        "at first.</p>"
        "<h2>Verified and attested</h2><p>A submission is artefacts: the actions of every episode. "
        "They are replayed in a fresh process with limited time "
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

"""Style sheet of the report."""

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c2330; --muted: #5c6675;
  --grid: #e3e7ed; --shade: #f4f6f9; --c0: #1f6fb4; --c1: #d1601b; --c2: #2f8f4e; --c3: #8a4fb5;
  --c4: #b8860b; --c5: #c23b5a; --c6: #16889b; --c7: #6b7280; --c8: #7a5230; --c9: #4650c8; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161d; --ink: #e6eaf0; --muted: #9aa5b5;
  --grid: #2a323e; --shade: #1a2029; --c0: #6cb2f0; --c1: #f0975a; --c2: #6fc98c; --c3: #c294ea;
  --c4: #e0b84c; --c5: #f0839b; --c6: #5cc7d8; --c7: #a7b0bd; --c8: #c79c74; --c9: #9aa2f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .4rem 0; max-width: 46rem; } .note, .lead { color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--grid);
  white-space: nowrap; }
th { color: var(--muted); font-weight: 600; white-space: normal; vertical-align: bottom;
  min-width: 3.2rem; } th:nth-child(2), td:nth-child(2) { text-align: left; }
table.facts td { text-align: left; white-space: normal; vertical-align: top; }
table.facts th { text-align: left; } tbody tr:hover { background: var(--shade); }
small { color: var(--muted); } ul { padding-left: 1.2rem; } a { color: var(--c0); }
table.tasks td { vertical-align: top; line-height: 1.35; }
table.matrix td { text-align: center; } table.matrix td:nth-child(2) { text-align: left; }
svg { display: block; width: 100%; min-width: 40rem; height: auto; margin: .4rem 0; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg text.tick, svg text.note { fill: var(--muted); font-size: 11px; }
svg text.task { fill: var(--paper); font-size: 10px; pointer-events: none; }
svg text.axis { fill: var(--muted); }
svg .grid { stroke: var(--grid); fill: none; }
svg .level { stroke: var(--muted); stroke-dasharray: 4 4; fill: none; }
svg .line { fill: none; stroke-linejoin: round; } svg .band { opacity: .18; }
svg .bar { stroke: var(--paper); stroke-width: .6; }
.legend { font-size: .85rem; max-width: none; } .key { margin-right: 1.1rem; white-space: nowrap; }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px;
  margin-right: .4rem; vertical-align: -1px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; font-size: .9rem; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
code { background: var(--shade); padding: .1rem .3rem; border-radius: 3px; font-size: .88em; }
"""

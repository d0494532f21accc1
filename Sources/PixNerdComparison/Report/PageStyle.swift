/// The page's style sheet: one column of text, tables that scroll where they must, colours for light and dark.
///
/// The colours of pipelines are told apart with any colour vision (after Okabe and Ito, "Color universal design", 2008), and
/// are lighter where the page is dark.
let pageStyle = """
    :root { color-scheme: light dark; --back: #ffffff; --text: #1c1e21; --soft: #5b6168; --rule: #d9dde1; --panel: #f4f6f8;
      --good: #e3f1e6; --goodtext: #14532d; --bad: #fde4dc; --badtext: #7f1d1d;
      --c0: #0072b2; --c1: #c74a00; --c2: #007d5c; --c3: #a64f86; --c4: #7a6200; --c5: #4d5358; }
    @media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e6e8ea; --soft: #a3abb3; --rule: #363c42;
      --panel: #1d2125; --good: #16301f; --goodtext: #b7e4c5; --bad: #46201a; --badtext: #ffd0c4;
      --c0: #5db4f0; --c1: #ff9250; --c2: #35cfa4; --c3: #eda4cf; --c4: #dcc14a; --c5: #b6bdc4; } }
    * { box-sizing: border-box; }
    body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--back); color: var(--text);
      font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; overflow-wrap: break-word; }
    h1 { font-size: 1.6rem; line-height: 1.2; margin: 0.4rem 0 0.6rem; }
    h2 { font-size: 1.2rem; margin: 2.4rem 0 0.5rem; padding-top: 0.6rem; border-top: 1px solid var(--rule); }
    h3 { font-size: 1rem; margin: 1.4rem 0 0.3rem; }
    p { margin: 0.4rem 0 0.8rem; max-width: 46rem; }
    .note, figcaption { color: var(--soft); font-size: 0.875rem; }
    .banner { padding: 0.7rem 0.9rem; border-radius: 0.4rem; margin: 0.8rem 0; }
    .banner p { margin: 0; max-width: none; }
    .banner ul { margin: 0.4rem 0 0; padding-left: 1.2rem; }
    .equal { background: var(--good); color: var(--goodtext); }
    .unequal { background: var(--bad); color: var(--badtext); }
    .notice { background: var(--panel); }
    .pipelines { list-style: none; padding: 0; margin: 0.8rem 0; }
    .pipelines li { margin: 0.25rem 0; }
    svg.legend { width: 0.85em; height: 0.85em; vertical-align: -0.05em; margin-right: 0.35em; overflow: visible; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; font-size: 0.9rem; margin: 0.4rem 0 1rem; }
    th, td { text-align: right; padding: 0.3rem 0.7rem; border-bottom: 1px solid var(--rule); vertical-align: top;
      font-variant-numeric: tabular-nums; }
    th { font-weight: 600; }
    th:first-child, td:first-child { text-align: left; padding-left: 0; }
    thead th { vertical-align: bottom; }
    tbody th { font-weight: 400; }
    .named tbody th { white-space: nowrap; }
    .range { display: block; color: var(--soft); font-size: 0.8rem; white-space: nowrap; }
    .words td, .words th { text-align: left; }
    .words { max-width: 100%; }
    .costs tbody th { max-width: 26rem; }
    .costs th.group { font-weight: 600; padding-top: 1rem; border-bottom: none; }
    img { image-rendering: pixelated; display: block; max-width: 100%; height: auto; }
    figure { margin: 0; }
    .same { display: grid; gap: 0.35rem 0.8rem; align-items: center; margin: 0.4rem 0 1.2rem; }
    .same .class { color: var(--soft); font-size: 0.875rem; }
    .strip { display: flex; gap: 2px; }
    .strip img { flex: 1 1 0; min-width: 0; width: 100%; }
    .same .top { font-size: 0.9rem; }
    .same .top:first-child { grid-column: 2; }
    .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 0.6rem 1.2rem;
      align-items: end; }
    .charts figure { max-width: 30rem; }
    .charts svg { width: 100%; height: auto; display: block; }
    svg text { font-size: 11px; fill: var(--soft); font-family: inherit; }
    svg text.title { fill: var(--text); }
    svg text.end { text-anchor: end; }
    svg text.middle { text-anchor: middle; }
    svg line.grid { stroke: var(--rule); stroke-width: 0.7; }
    svg line.axis { stroke: var(--soft); stroke-width: 0.8; }
    svg line.level { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 4 3; }
    svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
    svg line.interval { stroke-width: 1; opacity: 0.75; }
    svg line.charge { stroke-width: 4; }
    svg text.name { font-weight: 600; }
    svg .line.plain { stroke: var(--text); } svg text.plain { fill: var(--text); font-weight: 400; }
    svg .marker { stroke: var(--back); stroke-width: 0.8; }
    .zooms { display: flex; flex-wrap: wrap; gap: 0.5rem; margin: 0.4rem 0; }
    details { margin: 0.6rem 0; } summary { cursor: pointer; }
    code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.85rem; overflow-wrap: anywhere; }
    .wide { display: none; }
    @media (min-width: 50rem) { body { padding: 1.5rem 2rem; } .wide { display: block; } .narrow { display: none; } }
    @media (max-width: 49.99rem) { .same { grid-template-columns: 1fr !important; } .same .class { margin-top: 0.7rem; }
      th, td { padding: 0.3rem 0.4rem; } .charts { grid-template-columns: 1fr; } }
    """
    + (0..<LineChart.colors).map { place in
        """

        svg .c\(place) { fill: var(--c\(place)); } svg .line.c\(place) { fill: none; }
        svg .line.c\(place), svg line.c\(place) { stroke: var(--c\(place)); }
        """
    }.joined()

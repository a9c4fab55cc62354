/// The look of the page at `/`: light or dark as the reader's system is, from a phone's width up.
enum DashboardStyle {
  static let text = """
    :root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--line:#dfe3e8;--text:#1c2430;--quiet:#5a6675;
    --in:#1668b8;--out:#a2400a;--good:#1a7f37;--bad:#c02626}
    @media (prefers-color-scheme:dark){:root{--ground:#12161c;--card:#1a2029;--line:#2e3743;--text:#e4e9f0;
    --quiet:#9aa7b6;--in:#62b0ff;--out:#ffa05c;--good:#4cc36a;--bad:#ff7b72}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:76rem;padding:1rem;background:var(--ground);color:var(--text);
    font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
    header{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline}
    h1{font-size:1.35rem;margin:0;overflow-wrap:anywhere}
    h2{font-size:1rem;margin:1.4rem 0 .4rem;display:flex;gap:.8rem;align-items:baseline;flex-wrap:wrap}
    p{margin:0}
    .quiet,.small,footer{color:var(--quiet);font-weight:400;font-size:.86rem}
    #status{font-size:.86rem}
    .controls{margin-left:auto;display:flex;gap:.6rem;align-items:center;font-size:.86rem}
    .dot{display:inline-block;width:.7rem;height:.7rem;border-radius:50%;margin-right:.5rem;background:var(--quiet)}
    .dot.good{background:var(--good)}.dot.bad{background:var(--bad)}
    button,select{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:6px;
    padding:.2rem .55rem;min-height:1.9rem}
    button{cursor:pointer;min-width:5.2rem}
    :focus-visible{outline:3px solid var(--in);outline-offset:2px}
    .charts,.pair{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr))}
    figure,.tiles>div,.scroll,.list{background:var(--card);border:1px solid var(--line);border-radius:8px}
    figure{margin:1rem 0 0;padding:.6rem .8rem}
    figcaption{display:flex;gap:1rem;flex-wrap:wrap;font-size:.86rem;color:var(--quiet)}
    figcaption b{font-variant-numeric:tabular-nums}
    .in{color:var(--in)}.out{color:var(--out)}
    svg{display:block;width:100%;height:7.5rem;margin-top:.3rem}
    svg path{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}
    svg .in{stroke:var(--in)}svg .out{stroke:var(--out);stroke-dasharray:5 3}
    svg line{stroke:var(--line);vector-effect:non-scaling-stroke}
    .tiles{display:grid;gap:.7rem;grid-template-columns:repeat(auto-fit,minmax(8.6rem,1fr));margin:1rem 0 0}
    .tiles>div{padding:.55rem .8rem}
    dt{color:var(--quiet);font-size:.82rem}
    dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
    .tiles dd{font-size:1.3rem;font-weight:600}
    .tiles dd small{display:block;font-size:.78rem;font-weight:400;color:var(--quiet)}
    .tiles .bad dd{color:var(--bad)}
    meter{width:100%;height:.6rem;display:block}
    .scroll{overflow-x:auto}
    table{border-collapse:collapse;width:100%;font-size:.88rem}
    th,td{padding:.35rem .7rem;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
    th{color:var(--quiet);font-weight:500}
    td.text,th.text{text-align:left;max-width:18rem;overflow:hidden;text-overflow:ellipsis}
    tbody tr{border-top:1px solid var(--line)}
    .list{margin:0;padding:.5rem .8rem;display:grid;grid-template-columns:auto 1fr;gap:.15rem 1rem}
    .list dd{text-align:right}
    nav{display:flex;flex-wrap:wrap;gap:.35rem .5rem;margin-top:1.4rem}
    nav a{border:1px solid var(--line);border-radius:6px;padding:.25rem .6rem;background:var(--card)}
    a{color:var(--in)}
    footer{margin-top:1rem}
    @media (max-width:34rem){body{padding:.7rem}.controls{margin-left:0;width:100%}.tiles dd{font-size:1.1rem}
    .tiles{grid-template-columns:repeat(2,1fr)}}
    @media (prefers-reduced-motion:no-preference){.dot{transition:background .3s}}
    """
}

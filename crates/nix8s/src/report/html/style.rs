//! How the page looks: on a phone, on a screen, on paper, in light and dark.

/// The style sheet. Colours have names; the dark page gives the names other colours.
pub const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#fff;--fg:#1f2328;--soft:#57606a;--line:#d0d7de;--card:#f6f8fa;--track:#eef1f4;
--good:#1a7f37;--bad:#cf222e;--warn:#9a6700;--info:#0969da;
--install:#8250df;--move:#bf8700;--system:#0969da;--check:#1a7f37;--join:#1b7c83;--leave:#bc4c00;--other:#6e7781;--on:#fff}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--soft:#9da7b3;--line:#30363d;--card:#161b22;
--track:#1c2128;--good:#3fb950;--bad:#f85149;--warn:#d29922;--info:#58a6ff;
--install:#a371f7;--move:#d29922;--system:#58a6ff;--check:#3fb950;--join:#39c5cf;--leave:#f0883e;--other:#8b949e;--on:#0d1117}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.25rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.2rem;margin:2.25rem 0 .75rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
h3{font-size:1rem;margin:1.5rem 0 .25rem}p{margin:.4rem 0}.soft{color:var(--soft)}.small{font-size:.85rem}
code,.mono{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:.88em}
a{color:var(--info)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;margin:1rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.5rem .75rem}
.card b{display:block;font-size:1.35rem;line-height:1.3}.card span{color:var(--soft);font-size:.85rem}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.list{list-style:none;margin:0;padding:0}.list>li{border-left:3px solid var(--line);padding:.2rem 0 .2rem .75rem;margin:.5rem 0}
.list>li.bad-edge{border-color:var(--bad)}.list>li.warn-edge{border-color:var(--warn)}.list>li.good-edge{border-color:var(--good)}
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600;color:var(--soft);font-size:.85rem;white-space:nowrap}
.short{white-space:nowrap}
th,td{padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
.timeline{margin:.75rem 0;border:1px solid var(--line);border-radius:.5rem;padding:.5rem .75rem .25rem;background:var(--card)}
.row{display:grid;grid-template-columns:11rem 1fr;gap:.75rem;align-items:center;margin:.3rem 0}
.name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-weight:600;font-size:.9rem}
.track{position:relative;height:1.5rem;background:var(--track);border-radius:.25rem;overflow:hidden}
.axis .track{height:1.2rem;background:none;overflow:visible;font-size:.75rem;color:var(--soft)}
.axis i{position:absolute;font-style:normal;transform:translateX(-50%);white-space:nowrap}
.axis i:first-child{transform:none}.axis i.end{transform:translateX(-100%)}
.bar{position:absolute;top:.15rem;bottom:.15rem;min-width:3px;border-radius:.2rem;overflow:hidden;white-space:nowrap;
font-size:.72rem;line-height:1.2rem;padding:0 .25rem;color:var(--on);background:var(--other);print-color-adjust:exact;-webkit-print-color-adjust:exact}
.bar.thin{padding:0}
.k-install{background:var(--install)}.k-move{background:var(--move)}.k-system{background:var(--system)}
.k-check{background:var(--check)}.k-join{background:var(--join)}.k-leave{background:var(--leave)}.k-other{background:var(--other)}
.failed{background:repeating-linear-gradient(135deg,var(--bad) 0 5px,color-mix(in srgb,var(--bad) 55%,var(--track)) 5px 10px)}
.unknown{background:repeating-linear-gradient(90deg,var(--other) 0 3px,var(--track) 3px 6px)}
.mark{position:absolute;top:0;bottom:0;width:2px;background:var(--soft);opacity:.55}
.wait{position:absolute;top:0;height:4px;min-width:2px;background:var(--warn);opacity:.6;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.gap{position:absolute;bottom:0;height:5px;min-width:3px;background:var(--bad);print-color-adjust:exact;-webkit-print-color-adjust:exact}
.legend{display:flex;flex-wrap:wrap;gap:.35rem 1rem;font-size:.82rem;color:var(--soft);margin:.5rem 0}
.legend i{display:inline-block;width:1.1rem;height:.8rem;border-radius:.2rem;margin-right:.35rem;vertical-align:-.05rem;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
details{margin:.5rem 0}summary{cursor:pointer;color:var(--info)}
@media(max-width:640px){body{padding:.9rem;font-size:16px}.row{grid-template-columns:1fr;gap:.1rem}.name{white-space:normal}
.row.axis .name{display:none}
thead{display:none}table,tbody{display:block;width:100%}tr{display:flex;flex-wrap:wrap;gap:0 1rem;border-bottom:1px solid var(--line);
padding:.45rem 0}td{border:0;padding:.05rem 0;max-width:100%}td:first-child{width:100%}td[data-is]::before{content:attr(data-is)': ';color:var(--soft);font-size:.85rem}td:empty{display:none}}
@media print{:root{--bg:#fff;--fg:#000;--soft:#444;--line:#bbb;--card:#fff;--track:#eee;--on:#fff;--good:#1a7f37;--bad:#cf222e;
--warn:#9a6700;--install:#8250df;--move:#9a6700;--system:#0969da;--check:#1a7f37;--join:#1b7c83;--leave:#bc4c00;--other:#6e7781}
body{max-width:none;padding:0;font-size:10pt}.timeline,.row,.list>li,tr,.card{break-inside:avoid}h2,h3,h3+p{break-after:avoid}
summary{display:none}details::details-content{content-visibility:visible;display:block;height:auto}}
";

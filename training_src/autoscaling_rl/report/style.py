"""The style sheet. The colour-blind tell its colours apart too; the policy is always blue."""

STYLE = """
:root{--page:#f6f7f9;--card:#fff;--ink:#171b21;--quiet:#5a6472;--rule:#e2e6eb;--policy:#0a5fd6;
--policy-tint:#e6effc;--baseline:#3f4956;--oracle:#00815f;--failed:#d24b00;--load:#cdd4dd;
--other:#8b95a3;--good:#0b6e4f;--good-tint:#dff3ea;--bad:#a83200;--bad-tint:#fdebe1;
--open:#6a5200;--open-tint:#faf0cf}
@media(prefers-color-scheme:dark){:root{--page:#101317;--card:#181c22;--ink:#e9ecf0;
--quiet:#9aa5b3;--rule:#2b323b;--policy:#5ba7ff;--policy-tint:#16283f;--baseline:#c9d1db;
--oracle:#3ecf9f;--failed:#ff8442;--load:#3b4552;--other:#7f8a99;--good:#55d6a4;
--good-tint:#12332a;--bad:#ff9a68;--bad-tint:#3a2015;--open:#e8c860;--open-tint:#342c10}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
header,main{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:36px}
.over{margin:0 0 14px;color:var(--quiet);font-size:14px;letter-spacing:.02em}
h1{font-size:clamp(22px,2.9vw,32px);line-height:1.22;margin:12px 0 10px;max-width:36ch;
letter-spacing:-.015em;text-wrap:balance}
h2{font-size:20px;margin:0 0 6px;letter-spacing:-.01em}
h3{font-size:15px;margin:26px 0 0}
p{margin:0 0 10px}
.detail{max-width:76ch;color:var(--quiet)}
.lead{max-width:80ch;color:var(--quiet)}
.quiet{color:var(--quiet);font-size:14px}
.badge{display:inline-block;margin:0;padding:4px 12px;border-radius:99px;font-weight:650;
font-size:14px}
.badge.good{color:var(--good);background:var(--good-tint)}
.badge.bad{color:var(--bad);background:var(--bad-tint)}
.badge.open{color:var(--open);background:var(--open-tint)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px;
margin:22px 0 0}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px 16px;
display:flex;flex-direction:column}
.tile strong{font-size:26px;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}
.tile:first-child strong{color:var(--policy)}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;
padding:22px 24px;margin:16px 0}
main{padding-bottom:60px}
.scroll{overflow-x:auto;margin:10px -24px 12px;padding:0 24px}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:8px 10px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
thead th{white-space:normal;vertical-align:bottom;color:var(--quiet);font-weight:500;
font-size:13px;line-height:1.25;min-width:74px}
th:first-child{text-align:left;padding-left:0}
tbody th{font-weight:500}
tbody th code{display:block;color:var(--quiet);font-size:12px;font-weight:400;padding-left:20px}
tr.policy{background:var(--policy-tint)}
tr.policy th{font-weight:700;color:var(--policy)}
tr.policy th:first-child,tr.policy td:first-child{box-shadow:-24px 0 0 var(--policy-tint)}
tr.policy td:last-child{box-shadow:24px 0 0 var(--policy-tint)}
.best{font-weight:700;background:var(--good-tint);color:var(--good);border-radius:5px;
padding:2px 6px;margin:0 -6px}
p .best{margin:0}
tr.policy .best{background:var(--card)}
.tag{border:1px solid var(--rule);border-radius:5px;padding:1px 6px;color:var(--quiet);
font-weight:500;margin-left:4px}
.pairs{width:auto;min-width:min(100%,460px)}
.pairs td{text-align:left;white-space:normal;overflow-wrap:anywhere}
.pairs th{padding-right:24px}
.who{margin:14px 0 0;columns:2 380px;column-gap:36px;font-size:14px}
.who div{break-inside:avoid;margin:0 0 10px}
.who dt{font-weight:650}
.who dd{margin:0;color:var(--quiet)}
details{border-top:1px solid var(--rule);padding:12px 0 0;margin-top:16px}
summary{cursor:pointer;font-weight:650}
summary+*{margin-top:12px}
figure{margin:14px 0 0}
figcaption{margin:0 0 4px}
.unit{color:var(--quiet);font-size:12px;margin:8px 0 2px}
.unit.end{text-align:right}
.panels{display:grid;gap:8px 32px}
.close{grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.pair{display:grid;gap:8px 36px;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.pair.single{max-width:660px}
.panel{min-width:0}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;padding:0;margin:8px 0 0;
font-size:14px;color:var(--quiet)}
.key{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;
vertical-align:middle;background:var(--other)}
.key.policy{background:var(--policy)}
.key.baseline{background:var(--baseline)}
.key.oracle{background:var(--oracle);height:2px}
.key.failed{background:var(--failed);height:10px}
.key.load{background:var(--load);height:10px}
.key.training{background:var(--other)}
.key.dots{background:var(--policy);opacity:.45;width:8px;height:8px;border-radius:50%}
.key.diamond{background:var(--policy);width:9px;height:9px;border-radius:0;rotate:45deg}
.ends{display:flex;justify-content:space-between;color:var(--quiet);font-size:13px}
.rows{margin-bottom:4px}
.row{display:grid;grid-template-columns:minmax(170px,250px) 1fr;gap:0 20px;align-items:center;
padding:0 12px;border-radius:8px}
.row.strong{background:var(--policy-tint)}
.row .name{display:block;font-size:14px;line-height:1.3}
.row.strong .name{font-weight:650}
.plot{padding:4px 12px 26px 46px}
.plot.shut{padding-bottom:0}
.plot.bare{padding:0}
.plot.foot{padding-bottom:22px}
svg{display:block;overflow:visible}
.plot>svg>svg:not(.symbol){overflow:hidden}
svg text{font-size:12px;fill:var(--ink)}
svg .tick{fill:var(--quiet);font-variant-numeric:tabular-nums}
svg .grid{stroke:var(--rule)}
svg .zero{stroke:var(--quiet);stroke-width:1.5}
path{vector-effect:non-scaling-stroke}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke:var(--other)}
.line.policy{stroke:var(--policy)}
.line.baseline{stroke:var(--baseline)}
.line.oracle{stroke:var(--oracle);stroke-width:1}
.close .line.policy,.close .line.baseline{stroke-width:2.2}
.line.billed{stroke-dasharray:2 3}
.close .line.billed{stroke-width:1.2}
.line.training{stroke:var(--other)}
.line.same-cost{stroke:var(--policy);stroke-width:1.2;stroke-dasharray:5 4;opacity:.75}
.area.load{fill:var(--load)}
.bars.failed{fill:var(--failed);stroke:var(--failed);stroke-width:.7}
circle{fill:var(--other)}
circle.policy,.symbol .policy{fill:var(--policy)}
circle.baseline{fill:var(--baseline)}
circle.oracle{fill:var(--card);stroke:var(--oracle);stroke-width:2.5}
circle.window,.symbol .window{opacity:.4}
circle.point{stroke:var(--card);stroke-width:1.5}
circle.oracle.point{stroke:var(--oracle);stroke-width:2.5}
.interval{stroke:var(--policy);stroke-width:3}
.mean{stroke:var(--card);stroke-width:1.5}
.frame{fill:none;stroke:var(--quiet);stroke-dasharray:3 3}
.quartiles{fill:none;stroke-width:1.6}
.quartiles.policy,.median.policy{stroke:var(--policy)}
.quartiles.baseline,.median.baseline{stroke:var(--baseline)}
.median{stroke-width:3}
svg .label{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
svg .label.policy{fill:var(--policy);font-weight:650}
svg .label.baseline{font-weight:650}
svg .label.oracle{fill:var(--oracle)}
.narrow{display:none}
@media(max-width:600px){
header,main{padding-left:12px;padding-right:12px}
header{padding-top:20px}
section{padding:16px 14px}
.scroll{margin-left:-14px;margin-right:-14px;padding:0 14px}
.tiles{grid-template-columns:1fr 1fr;gap:8px}
.tile{padding:10px 12px}
.tile strong{font-size:21px}
.extra,.wide,tbody th code{display:none}
.narrow{display:inline}
.plot{padding-left:36px;padding-right:6px}
.row{grid-template-columns:1fr;padding:4px 6px}
.row .name{display:inline}
thead th:first-child,tbody th{position:sticky;left:-14px;background:var(--card);z-index:1;
white-space:normal;min-width:150px}
tr.policy th{background:var(--policy-tint)}
.pairs tbody th{position:static}
.tag{display:inline-block;margin-left:20px;white-space:nowrap}
}
@media print{body{background:#fff}section,.tile{break-inside:avoid}}
"""

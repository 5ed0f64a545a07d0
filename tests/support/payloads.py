"""What strangers may write where text is asked for: markup, scripts, addresses, formulas."""

from __future__ import annotations

SCRIPT = "window.pwned=1"
"""What would run; support.browsing notices it."""
LINES = (
    f'<img src=x onerror="{SCRIPT}">',
    f"<script>{SCRIPT}</script>",
    f'"><svg/onload={SCRIPT}>',
    f"'-({SCRIPT})-'",
    f"</textarea></title></style></script><script>{SCRIPT}</script>",
    f'<iframe srcdoc="<script>parent.{SCRIPT[7:]}</script>"></iframe>',
    f'<a href="javascript:{SCRIPT}">go</a>',
    f"[go](javascript:{SCRIPT}) javascript:{SCRIPT}//",
    f'{{{{constructor.constructor("{SCRIPT}")()}}}}${{{SCRIPT}}}',
    f'<math><mtext><style><!--</style><img title="--&gt;&lt;img src=x onerror={SCRIPT}&gt;">',
    f"<form><button formaction=javascript:{SCRIPT}>go",
    f"<base href=//127.0.0.1:1/><meta http-equiv=refresh content='0;url=javascript:{SCRIPT}'>",
    f"&lt;img src=x onerror={SCRIPT}&gt; &#60;b&#62;",
    f"<xss onanimationstart={SCRIPT} style=animation-name:x autofocus tabindex=1 onfocus={SCRIPT}>",
    "<b>bold</b>\u202e\u2066 over and back",
    '=HYPERLINK("http://127.0.0.1:1/","go")',
)
"""Each is one line of at most 256 characters."""
BLOCK = "\n".join(LINES)
NAME = f"a <img src=x onerror={SCRIPT}>'&.txt"
"""A file's."""
PLACES = (LINES[0], LINES[1], LINES[2], f"javascript:{SCRIPT}", "../../..", "%00", "__proto__")
"""For parts of addresses."""

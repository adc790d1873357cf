"""A browser that watches itself: what must not happen on any page, and what every page must have."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, ViewportSize

CHROMIUM: Final = Path("/usr/bin/chromium")
ARGS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE: Final[ViewportSize] = {"width": 1280, "height": 900}
NARROW: Final[ViewportSize] = {"width": 390, "height": 844}

BASICS: Final = """() => {
  const bad = [], start = (e) => e.outerHTML.slice(0, 120);
  const name = (e) => (e.getAttribute('aria-label') || e.textContent || e.getAttribute('title') || '').trim()
    || [...e.querySelectorAll('img[alt]')].map((i) => i.alt).join('').trim();
  if (!document.documentElement.lang) bad.push('no lang');
  if (!document.title.trim()) bad.push('no title');
  if (document.querySelectorAll('h1').length !== 1) bad.push('not one h1');
  if (document.querySelectorAll('main').length !== 1) bad.push('not one main');
  for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!(e.labels && e.labels.length) && !e.getAttribute('aria-label')) bad.push('no label: ' + start(e));
  for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) bad.push('no alt: ' + start(e));
  for (const e of document.querySelectorAll('a[href], button')) if (!name(e)) bad.push('no name: ' + start(e));
  for (const e of document.querySelectorAll('a[href]')) {
    const href = e.getAttribute('href');
    if (!/^(\\/(?!\\/)|#|\\?|https:\\/\\/)/.test(href)) bad.push('odd link: ' + href.slice(0, 120));
  }
  for (const e of document.querySelectorAll('svg:not([aria-hidden])'))
    if (!e.getAttribute('aria-label') && !e.querySelector('title')) bad.push('unnamed chart: ' + start(e));
  for (const e of document.querySelectorAll('[style], [onclick], [onerror], [onload]')) bad.push('inline: ' + start(e));
  for (const e of document.querySelectorAll('table')) if (!e.querySelector('th')) bad.push('a table without headings');
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of new Set(ids)) if (ids.indexOf(id) !== ids.lastIndexOf(id)) bad.push('id twice: ' + id.slice(0, 60));
  return [...new Set(bad)].slice(0, 10);
}"""

CONTRAST: Final = """() => {
  const pad = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour, under) => {
    pad.globalCompositeOperation = 'copy'; pad.fillStyle = under || '#fff'; pad.fillRect(0, 0, 1, 1);
    pad.globalCompositeOperation = 'source-over'; pad.fillStyle = colour; pad.fillRect(0, 0, 1, 1);
    return [...pad.getImageData(0, 0, 1, 1).data];
  };
  const css = (c) => `rgb(${c[0]} ${c[1]} ${c[2]})`;
  const linear = (v) => v / 255 <= .04045 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = (c) => { const [r, g, b] = c.map(linear);
    return .2126 * r + .7152 * g + .0722 * b; };
  const ground = (e) => {
    const chain = []; for (let at = e; at; at = at.parentElement) chain.unshift(getComputedStyle(at).backgroundColor);
    let under = getComputedStyle(document.documentElement).colorScheme === 'dark' ? '#121212' : '#fff';
    for (const one of chain) under = css(rgba(one, under));
    return under;
  };
  const bad = new Set(); const seen = new Map(); let looked = 0;
  for (const e of document.querySelectorAll('main *, header *, footer *')) {
    if (looked > 600) break;
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(e);
    if (style.visibility === 'hidden' || !e.getClientRects().length || e.closest('svg')) continue;
    const box = e.getBoundingClientRect(); if (box.width < 2 || box.height < 2) continue;
    if (style.color === 'rgba(0, 0, 0, 0)') continue;
    looked++;
    const under = ground(e); const key = style.color + under;
    if (!seen.has(key)) {
      const a = light(rgba(style.color, under)), b = light(rgba(under));
      seen.set(key, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
    }
    if (seen.get(key) < 4.5) bad.add(
      `${seen.get(key).toFixed(2)}: ${style.color} on ${under}: ${e.tagName}.${e.className} ${e.textContent}`.slice(0, 200));
  }
  return [...bad].slice(0, 10);
}"""

SIDEWAYS: Final = """() => {
  const wide = document.documentElement.scrollWidth, room = document.documentElement.clientWidth;
  if (wide <= room) return '';
  const out = [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > room + 1)
    .map((e) => e.tagName + '.' + e.className).slice(0, 5);
  return `${wide} px in ${room}: ${out.join(', ')}`;
}"""


HIDDEN: Final = """() => [...document.querySelectorAll('.cards-scroll')]
  .filter((e) => e.scrollWidth > e.clientWidth + 1)
  .map((e) => `${e.closest('section').getAttribute('aria-label')}: ${e.scrollWidth} px in ${e.clientWidth}`)"""


class Watched:
    """One tab and what went wrong in it. ``host`` is the only one that may be asked."""

    def __init__(self, browser: Browser, base_url: str, **options: Any) -> None:
        self.base_url = base_url
        self.wrong: list[str] = []
        self.context = browser.new_context(viewport=WIDE, **options)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda said: self._console(said.type, said.text))
        self.page.on("pageerror", lambda error: self.wrong.append(f"script error: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda request: self._request(request.url))

    def open(self, path: str, *, status: int | None = 200) -> None:
        """Open a page and check that it answers; ``status`` None: whatever."""
        self.wrong.clear()
        self.status = status
        answer = self.page.goto(self.base_url + path, wait_until="load")
        assert answer is not None
        said = "" if answer.status == status else self.page.locator("main").inner_text()[:400]
        assert status is None or answer.status == status, f"{path}: {answer.status}: {said}"

    def check(self) -> None:
        """Fail on what went wrong since the page was opened, and on what every page must have."""
        _none(self.wrong)
        _none(self.page.evaluate(BASICS))
        _none(self.page.evaluate(SIDEWAYS))

    def fits(self) -> None:
        """Fail on a table of which a column is out of sight."""
        _none(self.page.evaluate(HIDDEN))

    def contrast(self) -> None:
        """Fail on text that stands out too little, in light and dark."""
        schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
        for scheme in schemes:
            self.page.emulate_media(color_scheme=scheme)
            _none(self.page.evaluate(CONTRAST))

    def close(self) -> None:
        """Close the tab."""
        self.context.close()

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not (self.status in (None, 404) and "404" in text):
            self.wrong.append(f"console {kind}: {text[:300]}")

    def _dialog(self, dialog: Any) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.base_url).netloc and not url.startswith("data:"):
            self.wrong.append(f"request to another host: {url[:200]}")


def _none(found: Any) -> None:
    assert not found, "\n".join(found) if isinstance(found, list) else found

"""Uses the studio's page in a headless Chromium as a person does, by Playwright and Debian's `chromium`.

Samples a grid and sees it grow, cancels a job, paints over a picture and fills it, opens the gallery, compares two runs, starts a training of shapes from
the form, sees the curve move and a preview appear, stops it and resumes it, inspects data, and gives a token. With a
folder as argument it leaves screenshots there, at 1280 and 360 pixels, light and dark. Errors on the console fail it.
"""

import re
import shutil
import statistics
import time

from server import RUN, SMALL, Failure, Skip, Studio, check, expect, main

# Notes how long after a step was computed its prediction is drawn: at the first frame after an image has it. Predictions that
# newer ones overtake are not drawn.
DELAYS = """
window.delays = [];
const computedAt = new Map();
new MutationObserver((changes) => {
  for (const { target } of changes) {
    const computed = computedAt.get(target.src.slice(target.src.indexOf(",") + 1));
    if (computed) requestAnimationFrame(() => setTimeout(() => delays.push(Date.now() - 1000 * computed)));
  }
}).observe(document, { subtree: true, attributeFilter: ["src"] });
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, listener) {
  listen.call(this, name, name !== "step" ? listener : (event) => {
    const { computed, pictures } = JSON.parse(event.data);
    if (pictures.length) computedAt.set(pictures[0], computed);
    listener(event);
  });
};
"""
WIDE = (1280, 900)
NARROW = (360, 740)


class Browser:
    """A page with what its console said."""

    def __init__(self, page, shots):
        self.page, self.shots, self.errors = page, shots, []
        page.set_default_timeout(30_000)
        page.on("console", lambda message: message.type == "error" and self.errors.append(
            f"{message.text} ({message.location.get('url', '')})"))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, url):
        self.page.goto(url)
        self.until("The machine's name", "document.querySelector('#machine').textContent.includes('pixnerd')")

    def tab(self, name):
        self.page.click(f"#tab-{name}")
        self.page.wait_for_selector(f"#panel-{name}:not([hidden])")

    def until(self, what, expression, value=None, timeout=60_000):
        # wait_for_function would evaluate text in the page, which its content security policy forbids.
        end = time.monotonic() + timeout / 1000
        while not self.holds(expression, value):
            expect(time.monotonic() < end, f"{what} did not happen within {timeout // 1000} s; the page says: "
                   f"{self.page.evaluate('document.querySelector(`main`).innerText.slice(0, 300)')!r}")
            self.page.wait_for_timeout(50)

    def holds(self, expression, value=None):
        try:
            return self.page.evaluate(expression, value)
        except Exception as error:
            # A page that loads anew in this moment is asked again.
            if "context was destroyed" not in str(error):
                raise
            return False

    def happens(self, *what):
        """Like `until`, but goes on."""
        try:
            self.until(*what, timeout=10_000)
        except Failure as failure:
            check(False, str(failure))

    def shoot(self, name):
        """Screenshots at both widths, light and dark; nothing may be wider than the page."""
        for width, height in (WIDE, NARROW):
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                self.page.wait_for_timeout(150)
                if self.shots:
                    self.page.screenshot(path=self.shots / f"{name}-{width}-{scheme}.png", full_page=True)
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            check(wide <= width, f"At {width} pixels the {name} page is {wide} wide.")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(dict(zip(("width", "height"), WIDE)))

    def sample(self, seeds, steps, side="", model=RUN):
        self.page.select_option("#sample-model", model)
        for field, value in (("seeds", seeds), ("steps", steps), ("height", side), ("width", side)):
            self.page.fill(f"#sample-{field}", str(value))
        self.page.click("#sample-go")


def sampling(browser):
    page = browser.page
    browser.tab("sample")
    page.wait_for_selector("#sample-classes button")
    page.select_option("#sample-model", RUN)
    page.click("#sample-none")
    browser.sample("0", 5)
    browser.until("A sentence about no class", "!document.querySelector('#sample-error').hidden", timeout=5000)
    page.click("#sample-all")
    browser.sample("0-3", 300)
    card = "#results article.job"
    browser.until("A running job", "document.querySelector('#results article.job progress')?.value > 0")
    seen = []
    for _ in range(200):
        seen.append(page.evaluate("""() => { const bar = document.querySelector('#results article.job progress');
            return [bar.hidden, bar.value, document.querySelector('#results img').src]; }"""))
        if seen[-1][0]:
            break
        page.wait_for_timeout(100)
    values, pictures = {value for hidden, value, _ in seen if not hidden}, {source for _, _, source in seen}
    check(len(values) >= 3 and len(pictures) >= 3,
          f"The grid does not grow: {len(values)} states of progress and {len(pictures)} pictures were seen.")
    browser.until("A finished grid", "document.querySelector('#results article.job progress').hidden")
    browser.until("32 pictures", "[...document.querySelectorAll('#results article.job img')].filter(image => "
                  "image.complete && image.naturalWidth === 32 && image.src.includes('/api/pictures/')).length >= 8")
    check(page.locator(card).first.locator("figure").count() == 32, "The grid has not 32 pictures.")
    slider = page.locator(card).first.locator("input[type=range]")
    check(slider.is_visible(), "There is no scrubber over the steps.")
    check(slider.input_value() == "300", f"After 300 steps the scrubber stands at {slider.input_value()}.")
    slider.fill("10")
    browser.until("Step 10", "document.querySelector('#results article.job img').src.endsWith('/frames/10')")
    slider.fill("300")
    browser.shoot("sample")
    page.locator(card).first.locator("button.picture").first.click()
    page.wait_for_selector("#viewer[open]")
    page.keyboard.press("Escape")

    browser.sample("0-7", 1000, 128)
    page.wait_for_selector("#queue button.cancel")
    browser.until("The job's steps", "/[1-9][0-9]* of/.test(document.querySelector('#queue').innerText)")
    begun = time.monotonic()
    page.click("#queue button.cancel")
    browser.until("The end of a cancelled job", "document.querySelector('#queue-section').hidden")
    delays = sorted(page.evaluate("delays"))
    check(delays, "No prediction was drawn.")
    print(f"a step's prediction is drawn {statistics.median(delays):.0f} ms after it was computed (median of "
          f"{len(delays)}; 95 % within {delays[int(0.95 * (len(delays) - 1))]:.0f} ms)", flush=True)
    print(f"sampled {len(values)} states of progress, {len(pictures)} pictures; a cancelled job ended after "
          f"{time.monotonic() - begun:.1f} s", flush=True)


def editing(browser, folder):
    """Begins with a picture that was sampled, and paints a part of it anew."""
    page = browser.page
    browser.tab("sample")
    browser.sample("4", 8)
    finished = ("document.querySelector('#results article.job progress').hidden && "
                "document.querySelector('#results article.job img')?.src.includes('/api/pictures/')")
    browser.until("A picture to begin with", finished)
    page.locator("#results article.job button.picture").first.click()
    page.wait_for_selector("#viewer[open]")
    address = page.get_attribute("#viewer-picture", "src")
    before = page.evaluate("document.querySelector('#results article.job img').src")
    page.click("#viewer-begin")
    page.wait_for_selector("#picture-canvas", state="visible")
    page.locator("#picture-paint summary").click()
    for side, value in (("left", 16), ("top", 0), ("width", 16), ("height", 32)):
        page.fill(f"#picture-{side}", str(value))
    page.click("#picture-rectangle")
    box = page.locator("#picture-canvas").bounding_box()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    check(page.get_attribute("#picture-strength", "placeholder") == "1", "A mask does not change the usual strength.")
    browser.shoot("editing")
    browser.sample("5", 8)
    browser.until("Another job", "before => document.querySelector('#results article.job img')?.src !== before", before)
    browser.until("A filled picture", finished)
    same = page.evaluate("""async (before) => {
        const pixels = async (address) => {
            const bitmap = await createImageBitmap(await (await fetch(address)).blob());
            const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
            canvas.getContext("2d").drawImage(bitmap, 0, 0);
            return canvas.getContext("2d").getImageData(0, 0, bitmap.width, bitmap.height);
        };
        const [old, now] = await Promise.all([before, document.querySelector("#results article.job img").src].map(pixels));
        let [kept, painted] = [0, 0];
        for (let at = 0; at < now.data.length; at += 4) {
            const isSame = [0, 1, 2].every((color) => old.data[at + color] === now.data[at + color]);
            if (at / 4 % now.width < 16) kept += isSame; else painted += !isSame;
        }
        return [kept, painted, now.width, now.height];
    }""", address)
    check(same[0] == 16 * same[3] and same[1] > 0, f"Of the left part {same[0]} pixels stayed, of the right {same[1]} changed.")
    page.locator("#results article.job button.picture").first.click()
    page.wait_for_selector("#viewer[open]")
    check("a picture and its mask" in page.inner_text("#viewer-settings"), "The viewer does not tell of the mask.")
    page.keyboard.press("Escape")
    page.click("#picture-remove")
    check(not page.is_visible("#picture-area"), "A picture that was removed is still there.")
    bad = folder / "text.png"
    bad.write_text("no picture")
    page.set_input_files("#picture-file", bad)
    browser.until("A sentence about the file", "!document.querySelector('#picture-error').hidden", timeout=5000)
    # The answer of 400, which the test itself asked for.
    browser.errors = [error for error in browser.errors if "/api/inputs" not in error]
    print("a picture was painted over and filled", flush=True)


def gallery(browser):
    page = browser.page
    browser.tab("gallery")
    browser.until("The gallery", "document.querySelectorAll('#gallery figure').length >= 32")
    browser.shoot("gallery")
    count = page.locator("#gallery figure").count()
    page.locator("#gallery button.picture").first.click()
    page.wait_for_selector("#viewer[open]")
    settings = page.inner_text("#viewer-settings")
    check(all(word in settings for word in (RUN, "Seed", "Steps", "Sampler", "Guidance")),
          f"The viewer says {settings}")
    check(page.is_visible("#viewer-frames"), "The viewer has no scrubber.")
    check(page.input_value("#viewer-frame") == "300", f"The viewer opens at step {page.input_value('#viewer-frame')}.")
    browser.shoot("viewer")
    with page.expect_download() as download:
        page.click("#viewer-download")
    expect(open(download.value.path(), "rb").read(8) == b"\x89PNG\r\n\x1a\n", "The download is no PNG.")
    check(re.fullmatch(r"shapes-\w+-seed\d+\.png", download.value.suggested_filename),
          f"The download is called {download.value.suggested_filename}")
    page.keyboard.press("ArrowRight")
    page.click("#viewer-delete")
    page.click("#ask-confirm")
    browser.until("A deletion", "count => document.querySelectorAll('#gallery figure').length === count - 1", count)
    page.click("#viewer-again")
    browser.until("The picture again", "location.hash === '#/sample' && document.querySelectorAll("
                  "'#results article.job').length >= 2")
    browser.tab("gallery")
    browser.until("The new picture", "count => document.querySelectorAll('#gallery figure').length >= count", count)


def comparison(browser):
    page = browser.page
    browser.tab("sample")
    page.check("#compare")
    page.select_option("#compare-model", "other")
    browser.sample("0,1", 10)
    browser.until("Differences", "/mean [0-9.]+, largest [0-9]+/.test(document.querySelector("
                  "'#results article[id^=compare] .triple figcaption.quiet')?.textContent || '') ", timeout=30_000)
    rows = page.locator("#results article[id^=compare] .triple").count()
    check(rows == 16, f"Two runs are compared in {rows} rows, not 16.")
    check("Mean difference" in page.inner_text("#results article[id^=compare]"), "There is no mean difference.")
    browser.shoot("compare")
    page.uncheck("#compare")


STEP = "Number((document.querySelector('#run-status').textContent.match(/step ([0-9,.\\u202f\\u00a0 ]+)/) || "\
    "['', '0'])[1].replace(/[^0-9]/g, ''))"


def training(browser):
    page = browser.page
    browser.tab("train")
    page.click("#train-new")
    page.wait_for_selector("#train-form:not([hidden]) #train-keys .key", state="attached")
    page.select_option("#train-configuration", "shapes.yaml")
    page.fill("#train-name", "from-form")
    keys = {**SMALL, "training.steps": "1000000", "training.batch_size": "16", "training.save_every": "1000000",
            "training.preview_every": "200"}
    for key, value in keys.items():
        page.fill("#train-search", key)
        page.fill("#key-" + key.replace(".", "-"), value)
    page.fill("#train-search", "")
    page.check("#train-changed")
    check(page.locator("#train-keys .key.changed:visible").count() >= len(keys) - 1, "The form does not show changes.")
    check(len(page.inner_text("#key-training-steps-help")) > 10, "A key has no help.")
    browser.shoot("form")
    page.fill("#key-training-steps", "many")
    page.click("#train-start")
    browser.until("A sentence about a wrong value", "!document.querySelector('#train-error').hidden", timeout=5000)
    check("training.steps" in page.inner_text("#train-error"), f"It says: {page.inner_text('#train-error')}")
    browser.errors[:] = [error for error in browser.errors if "400" not in error]
    page.fill("#key-training-steps", "1000000")
    page.click("#train-start")
    browser.until("The run's page", "location.hash === '#/train/from-form'")
    browser.until("A curve", "document.querySelectorAll('#chart-loss path, #chart-loss polyline').length > 0")
    curve = page.inner_html("#chart-loss")
    browser.until("The curve's motion", "before => document.querySelector('#chart-loss').innerHTML !== before", curve)
    browser.until("A preview", "(document.querySelector('#preview-ema')?.naturalWidth || 0) > 0 && "
                  "(document.querySelector('#preview-raw')?.naturalWidth || 0) > 0")
    browser.happens("The new run in the list", "[...document.querySelectorAll('#runs a')].some(link => "
                    "link.dataset.run === 'from-form')")
    page.click("#log summary")
    browser.until("The log", "document.querySelector('#run-log').textContent.includes('training')")
    page.click("#log summary")
    browser.shoot("train")
    page.click("#train-save")
    browser.happens("A saved step", "document.querySelector('#run-status').textContent.includes('saved at')")
    page.click("#train-stop")
    browser.until("The end of the training", "!document.querySelector('#train-resume').hidden && "
                  "document.querySelector('#training').hidden")
    stopped = page.evaluate(STEP)
    page.click("#train-resume")
    browser.until("A resumed training", f"step => !document.querySelector('#train-stop').hidden && {STEP} > step",
                  stopped)
    later = page.evaluate(STEP)
    page.click("#train-stop")
    browser.until("The second end", "!document.querySelector('#train-resume').hidden")
    page.select_option("#run-other", RUN) if page.is_visible("#run-other") else page.click("#configuration summary")
    page.select_option("#run-other", RUN)
    browser.until("The difference to another run", "document.querySelectorAll('#run-differences tbody tr').length > 0")
    browser.shoot("stopped")
    print(f"trained to step {stopped}, stopped, resumed and went on to step {later}", flush=True)


def data(browser):
    page = browser.page
    browser.tab("data")
    page.select_option("#data-set", "shapes")
    page.click("#data-inspect")
    browser.until("A report", "document.querySelector('#data-text').textContent.includes('96 pictures')")
    page.click("#data-sheet-go")
    browser.until("A sheet", "document.querySelector('#data-sheet-picture').naturalWidth > 0")
    browser.shoot("data")
    # With the keyboard alone: tabs by arrows, and the link to the content.
    page.focus("#tab-data")
    page.keyboard.press("Home")
    browser.until("The first tab by Home", "!document.querySelector('#panel-sample').hidden", timeout=5000)
    page.keyboard.press("ArrowRight")
    browser.until("The next tab by an arrow", "!document.querySelector('#panel-gallery').hidden", timeout=5000)
    unnamed = page.evaluate("""() => [...document.querySelectorAll('button, input, select, textarea')].filter(item =>
        !item.labels?.length && !item.getAttribute('aria-label') && !item.getAttribute('aria-labelledby')
        && !item.textContent.trim() && !item.querySelector('img[alt]:not([alt=""])'))
        .map(item => item.id || item.outerHTML.slice(0, 80))""")
    check(not unnamed, f"Controls without a label: {unnamed[:5]}")


def token(browser, url):
    page = browser.page
    page.goto(url)
    page.wait_for_selector("#token[open]")
    page.fill("#token-input", "wrong")
    page.click("#token-go")
    browser.until("A refused token", "!document.querySelector('#token-error').hidden", timeout=10_000)
    page.fill("#token-input", "secret")
    page.click("#token-go")
    browser.until("The page after the token", "document.querySelector('#machine').textContent.includes('pixnerd')")
    browser.errors[:] = [error for error in browser.errors if "401" not in error]


def whole(program, folder, chrome, shots):
    with Studio(program, folder) as studio:
        context = chrome.new_context(viewport=dict(zip(("width", "height"), WIDE)))
        context.add_init_script(DELAYS)
        browser = Browser(context.new_page(), shots)
        browser.open(studio.url)
        paint = browser.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
        print(f"first paint after {paint or 0:.0f} ms", flush=True)
        for part in (sampling, gallery, editing, comparison, training, data):
            part(browser, *([folder] if part is editing else []))
            check(not browser.errors, f"On the console of {part.__name__}: {browser.errors[:3]}")
            browser.errors.clear()
        context.close()
    with Studio(program, folder, "--token", "secret") as studio:
        browser = Browser(chrome.new_context().new_page(), shots)
        token(browser, studio.url)
        check(not browser.errors, f"On the console with a token: {browser.errors[:3]}")


def test(program, folder, options):
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise Skip(f"the package playwright cannot be imported ({error})") from None
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise Skip("there is no chromium; apt-get install chromium")
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    for name in ("from-form", ".studio"):
        shutil.rmtree(folder / "checkpoints" / name, ignore_errors=True)
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            whole(program, folder, chrome, options.screenshots)
        except Error as error:
            raise Failure(f"The page cannot be used: {' '.join(str(error).split())[:400]}") from error
        finally:
            chrome.close()


if __name__ == "__main__":
    main(test, __doc__, ("screenshots", None, "folder for screenshots"))

// Looks at the page in a real browser, and prints what it saw as JSON.
// node look.js CHROMIUM SIGN-IN-URL NOSCRIPT-SIGN-IN-URL PAYLOADS FOLDER
const { chromium } = require("playwright-core");
const axe = require("fs").readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [, , executablePath, link, plainLink, payloads, folder] = process.argv;
const saw = { violations: [], errors: [], dialogs: [], foreign: [], axe: [], counts: [], names: [], wide: [], others: {}, said: [], plot: {} };
const others = { settings: "/settings?all=1", logs: "/logs" };

function watch(page, origin) {
  page.on("dialog", (d) => { saw.dialogs.push(d.message()); d.dismiss(); });
  page.on("pageerror", (e) => saw.errors.push(String(e)));
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") saw.errors.push(m.text()); });
  page.on("request", (r) => { if (!r.url().startsWith(origin + "/")) saw.foreign.push(r.url()); });
  return page.exposeFunction("violated", (v) => saw.violations.push(v)).then(() => page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) => window.violated(e.violatedDirective + " " + e.blockedURI));
  }));
}

async function signIn(page, url) {
  await page.goto(url);
  await page.click("button[type=submit]");
  await page.waitForSelector("#glance");
}

// The policy keeps out what waits inside of a page.
async function live(page) {
  const ready = () => page.evaluate(() => { const l = document.getElementById("live"); return !l || !l.dataset.live || l.textContent === l.dataset.live; });
  for (const end = Date.now() + 20000; !(await ready()); await page.waitForTimeout(20)) {
    if (Date.now() > end) throw new Error("the page is not kept fresh");
  }
}

async function looks(page, name) {
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    await page.screenshot({ path: `${folder}/${name}-${width}.png`, fullPage: true });
    if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) saw.wide.push(`${name} ${width}`);
  }
}

async function check(page, name) {
  const tools = await page.context().newCDPSession(page);
  await tools.send("Page.setBypassCSP", { enabled: true }); // for axe, which the page would not let in
  await page.reload();
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    await page.evaluate(axe + ";0");
    await live(page);
    const stale = () => page.evaluate(() => document.body.hasAttribute("data-gone"));
    let found;
    do { // on a slow machine axe keeps the page from its events until it calls itself stale, and is dimmed
      while (await stale()) await page.waitForTimeout(100);
      found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    } while (found.violations.length > 0 && (await stale()));
    for (const v of found.violations) saw.axe.push(`${name} ${width} ${v.id}: ${v.nodes.map((n) => n.html.slice(0, 100)).join(" ")}`);
  }
  await tools.send("Page.setBypassCSP", { enabled: false });
  await tools.detach();
}

// look at the plot, its last hour, and what a tap on the link's last day says
async function plots(page) {
  const dots = () => page.evaluate(() => {
    const c = document.querySelector("#plot canvas");
    const copy = new OffscreenCanvas(c.width, c.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(c, 0, 0);
    const all = copy.getImageData(0, 0, c.width, c.height).data;
    const at = [];
    for (let i = 0; i < all.length; i += 4) if (all[i + 3] > 128) at.push(i + ":" + all[i] + "," + all[i + 1]);
    return at;
  });
  await page.waitForSelector("#plot canvas");
  await page.waitForFunction(() => document.querySelector("#plot input").getAttribute("aria-valuetext"), null, { polling: 50 }).catch(() => {});
  saw.plot.dots = (await dots()).length;
  saw.plot.buttons = await page.locator("#plot .series button").count();
  saw.plot.day = await page.getAttribute("#plot input", "max");
  await page.click("#plot .row button:nth-child(2)");
  for (const end = Date.now() + 20000; Date.now() < end; await page.waitForTimeout(50)) {
    saw.plot.hour = await page.getAttribute("#plot input", "max");
    if (Number(saw.plot.hour) > 150 && saw.plot.hour !== saw.plot.day) break;
  }
  saw.plot.hourPoints = Number(saw.plot.hour);
  await page.locator("#plot input").focus();
  await page.keyboard.press("ArrowLeft");
  saw.plot.chosen = await page.getAttribute("#plot input", "aria-valuetext");
  await looks(page, "hour");
  await page.click("#plot .row button:nth-child(1)");
  const at = await page.locator("#timeline").boundingBox();
  await page.mouse.click(at.x + at.width * 0.605, at.y + 20);
  saw.plot.outage = await page.textContent("#pick p");
  saw.plot.marks = await page.locator("#chosen rect").count();
  const light = (await dots()).join();
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForTimeout(100);
  saw.plot.darkDiffers = light !== (await dots()).join();
  await looks(page, "dark");
  await page.emulateMedia({ colorScheme: "light" });
}

(async () => {
  const origin = new URL(link).origin;
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const plain = await (await browser.newContext({ javaScriptEnabled: false, locale: "fi-FI", colorScheme: "dark" })).newPage();
  await signIn(plain, plainLink);
  saw.plain = await plain.textContent("main");
  await looks(plain, "plain");
  for (const [name, path] of Object.entries(others)) {
    await plain.goto(origin + path);
    await looks(plain, "plain-" + name);
  }
  for (const [path, act] of [["/", "ping"], ["/", "reconnect"], ["/", "test"], ["/settings", "reload"]]) {
    await plain.goto(origin + path);
    await plain.click(`form[action^="/act/${act}"] button`);
    await plain.waitForSelector("#done");
    saw.said.push(await plain.textContent("#done"));
  }
  await looks(plain, "plain-done");

  const context = await browser.newContext({ locale: "en-GB" });
  const page = await context.newPage();
  await watch(page, origin);
  await signIn(page, link);
  await live(page);
  await plots(page);
  await looks(page, "light");
  await check(page, "light");
  for (const [name, path] of Object.entries(others)) {
    await page.goto(origin + path);
    await looks(page, name);
    await check(page, name);
  }
  await page.emulateMedia({ colorScheme: "dark" });
  for (const [name, path] of Object.entries(others)) {
    await page.goto(origin + path);
    await looks(page, "dark-" + name);
    await check(page, "dark " + name);
  }
  await page.goto(origin + "/");
  await check(page, "dark");
  const keys = await page.evaluate(() => document.querySelectorAll("a, button, select, input, summary").length);
  await page.reload();
  const reached = new Set();
  for (let i = 0; i < keys; i++) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.tagName + document.activeElement.textContent + (getComputedStyle(document.activeElement).outlineStyle === "none" ? " unseen" : "")));
  }
  saw.keys = [...reached];
  saw.links = keys;
  for (let n = -1; n < Number(payloads); n++) {
    await page.evaluate((n) => fetch("/api/v1/queue?n=" + n), n);
    await page.reload();
    await live(page); // so that the script has built it too
    await page.waitForTimeout(50);
    saw.counts.push(await page.evaluate(() => document.querySelectorAll("*").length));
    saw.names.push(await page.textContent("h1"));
    for (const [name, path] of Object.entries(others)) {
      await page.goto(origin + path);
      if (name === "logs") await live(page);
      await page.waitForTimeout(50);
      (saw.others[name] ||= []).push(await page.evaluate(() => document.querySelectorAll("*").length));
    }
    await page.goto(origin + "/");
  }
  await live(page);
  await looks(page, "payload");
  await page.evaluate(() => fetch("/api/v1/queue?n=stop"));
  await page.waitForSelector("body[data-gone]", { timeout: 20000 });
  saw.gone = await page.textContent("#live");
  await looks(page, "gone");
  saw.errors = saw.errors.filter((e) => !e.includes("ERR_")); // of the server that has gone
  await browser.close();
  console.log(JSON.stringify(saw));
})().catch((e) => { console.error(e, saw.errors, saw.violations); process.exit(1); });

// Takes files along in a real browser, and prints what it saw as JSON.
// node take.js CHROMIUM SIGN-IN-URL NOSCRIPT-SIGN-IN-URL FOLDER
const { chromium } = require("playwright-core");
const fs = require("fs");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [, , executablePath, link, plainLink, folder] = process.argv;
const saw = { violations: [], errors: [], axe: [], wide: [], files: {}, broken: "" };

async function open(browser, url, options) {
  const page = await (await browser.newContext({ acceptDownloads: true, viewport: { width: 360, height: 800 }, ...options })).newPage();
  page.on("pageerror", (e) => saw.errors.push(String(e)));
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") saw.errors.push(m.text()); });
  if (options.javaScriptEnabled !== false) {
    await page.exposeFunction("violated", (v) => saw.violations.push(v));
    await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => window.violated(e.violatedDirective + " " + e.blockedURI)));
  }
  await page.goto(url);
  await page.click("button[type=submit]");
  await page.click("header nav a[href^='/support']");
  await page.waitForSelector("#support-file");
  return page;
}

// take presses a button and keeps what comes.
async function take(page, name, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  const broken = await download.failure();
  saw.files[name] = { name: download.suggestedFilename(), broken: broken || "", text: broken ? "" : fs.readFileSync(await download.path(), "utf8").slice(0, 100) };
}

async function look(page, name) {
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    await page.screenshot({ path: `${folder}/${name}-${width}.png`, fullPage: true });
    if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) saw.wide.push(`${name} ${width}`);
  }
}

async function check(page, name) {
  const tools = await page.context().newCDPSession(page);
  await tools.send("Page.setBypassCSP", { enabled: true }); // for axe, which the page would not let in
  await page.reload();
  await page.evaluate(axe + ";0");
  await page.waitForFunction(() => !document.body.hasAttribute("data-gone"));
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  if (!(await page.evaluate(() => document.body.hasAttribute("data-gone")))) { // dimmed
    for (const v of found.violations) saw.axe.push(`${name} ${v.id}: ${v.nodes.map((n) => n.html.slice(0, 100)).join(" ")}`);
  }
  await tools.send("Page.setBypassCSP", { enabled: false });
}

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const plain = await open(browser, plainLink, { javaScriptEnabled: false, locale: "fi-FI", colorScheme: "dark" });
  await look(plain, "support-plain");
  await take(plain, "plain", "#support-file button");

  const page = await open(browser, link, { locale: "en-GB" });
  await look(page, "support");
  await check(page, "light");
  await page.emulateMedia({ colorScheme: "dark" });
  await check(page, "dark");
  await page.check("input[name=private]");
  await page.waitForTimeout(1500); // the script has drawn the page anew
  await take(page, "private", "#support-file button");
  await take(page, "readings", "#support-readings button");
  await take(page, "broken", "#support-readings button"); // the server breaks this one off
  saw.errors = saw.errors.filter((e) => !e.includes("ERR_"));
  await browser.close();
  console.log(JSON.stringify(saw));
})().catch((e) => { console.error(e); process.exit(1); });

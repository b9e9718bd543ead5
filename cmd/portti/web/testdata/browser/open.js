// Keeps the page open in a real browser for a while, and prints how long it took to be seen
// and what it was sent, as JSON.
// node open.js CHROMIUM SIGN-IN-URL SECONDS
const { chromium } = require("playwright-core");

const [, , executablePath, link, seconds] = process.argv;

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const page = await (await browser.newContext({ viewport: { width: 360, height: 800 } })).newPage();
  const tools = await page.context().newCDPSession(page);
  let bytes = 0;
  await tools.send("Network.enable");
  tools.on("Network.dataReceived", (e) => { bytes += e.encodedDataLength || e.dataLength; });
  await page.goto(link);
  await page.click("button[type=submit]");
  await page.waitForSelector("#glance");
  await page.reload(); // by a browser that has nothing of it yet but the session
  const first = async () => await page.evaluate(() => performance.getEntriesByName("first-contentful-paint").map((e) => e.startTime)[0]);
  let paint;
  for (const end = Date.now() + 60000; paint === undefined && Date.now() < end; paint = await first()) await page.waitForTimeout(20);
  bytes = 0;
  await page.waitForTimeout(seconds * 1000);
  const alive = await page.evaluate(() => !document.body.hasAttribute("data-gone"));
  await browser.close();
  console.log(JSON.stringify({ paint, bytes, alive }));
})().catch((e) => { console.error(e); process.exit(1); });

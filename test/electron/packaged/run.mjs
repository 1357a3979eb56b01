/**
 * Runs the main.js of a packaged application, whose path is given, in Node. Prints what it serves and what runs on its host as a line of JSON, and
 * continues until a signal ends it.
 */
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const main = process.argv[2];
const electron = await import(pathToFileURL(createRequire(main).resolve("electron")));

const late = setTimeout(() => {
  process.stderr.write("main.js waits for something before it is evaluated; Electron would never become ready\n");
  process.exit(3);
}, 10_000);
await import(pathToFileURL(main));
clearTimeout(late);
electron.becomeReady();

async function until(found) {
  for (;;) {
    const result = await found();
    if (result) return result;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const { webContents } = await until(() => electron.windows[0]);
const fetched = async (name) => {
  const response = await electron.served.handler(new Request(`xenarium://app/${name}`));
  return { name, status: response.status, text: await response.text() };
};
const page = await fetched("index.html");
const names = [...page.text.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, name]) => name);
const parts = await Promise.all(names.map(fetched));

let id = 0;
async function ask(request) {
  const number = ++id;
  const event = { sender: webContents, senderFrame: webContents.mainFrame };
  electron.ipcMain.emit("xenarium:to-host", event, { id: number, request, args: {} });
  const found = () => webContents.received.find(([, message]) => message.id === number);
  const [, answer] = await until(found);
  return answer;
}
const domains = await until(async () => {
  const { result } = await ask("list");
  return result?.length > 1 && result;
});
const { result: host } = await ask("hostState");
const report = {
  served: [page, ...parts].map(({ name, status }) => `${status} ${name}`),
  domains: domains.map(({ name }) => name),
  power: host.power,
  tray: electron.trays.map((file) => path.basename(file)),
};
process.stdout.write(`${JSON.stringify(report)}\n`);

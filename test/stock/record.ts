/**
 * Asks the stock tools (./stock.ts) and writes their answers beside this file: `npx vite-node test/stock/record.ts`. The tests compare our answers
 * with these files. Nothing in them is written by hand.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { configCases, xenstoreCases, xlCases } from "./cases.ts";
import { Stock, type Answer } from "./stock.ts";

const here = import.meta.dirname;

/** Leaves out what names the place where the tool ran, or the time. */
function plain({ status, out, err }: Answer, folder: string): Answer {
  const clean = (text: string): string => {
    const placeless = text.replaceAll(`${folder}/`, "").replace(/\/\S+\/bin\/(?=xl\b|xenstore-)/g, "");
    return Buffer.from(placeless, "latin1").toString("utf8");
  };
  return { status, out: clean(out), err: clean(err) };
}

function save(name: string, answers: unknown): void {
  writeFileSync(path.join(here, name), `${JSON.stringify(answers, null, 1)}\n`);
}

const stock = new Stock();
try {
  await stock.start();
  save(
    "xlcfg.json",
    configCases().map((text) => {
      writeFileSync(path.join(stock.folder, "c.cfg"), text);
      const { status, out, err } = plain(stock.xl("create", "-n", "c.cfg"), stock.folder);
      const said = err.split("\n").filter((line) => line && !line.startsWith("Parsing config"));
      const config = status === 0 ? (JSON.parse(out) as Record<string, Record<string, unknown>>) : null;
      // xl makes up a new one each time.
      if (config && !text.includes("uuid")) delete config.c_info!.uuid;
      return { text, config, said };
    }),
  );
  save(
    "xl.json",
    xlCases().map((args) => ({ args, ...plain(stock.xl(...args), stock.folder) })),
  );
  save(
    "xenstore.json",
    xenstoreCases().map(([name, ...args]) => ({ name, args, ...plain(stock.client(name!, ...args), stock.folder) })),
  );
} finally {
  stock.stop();
}

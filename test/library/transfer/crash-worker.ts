/**
 * A host that is off, and imports and exports domains, converts images and deletes all of these, until it is killed. It says what it is about to do and what is done.
 * Arguments: folder with `in.tar` and `from.img`, seed.
 */
import { readdirSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { HostService } from "../../../core/api/host-service.ts";
import { connectInMemory } from "../../api/in-memory.ts";
import { seeded } from "../../random.ts";

const [folder, seed] = process.argv.slice(2) as [string, string];
const say = (text: string): void => void writeSync(1, `${text}\n`);
const random = seeded(Number(seed));
const at = (name: string): string => path.join(folder, name);
const nowhere = new URL(import.meta.url);
const host = new HostService({
  ...{ imageFolder: nowhere, bundledGuest: nowhere, memoryMiB: 256, pcpus: 1 },
  ...{ libraryFolder: at("library"), imagesFolder: at("images"), transferFolder: at("transfer") },
});
host.on("notice", ({ message }) => say(`notice ${message}`));
const { client } = connectInMemory(host, true);
await host.library.open();

for (let i = 0; ; i++) {
  const name = `${seed}-${i}`;
  const kept = await client.request("keptDomains");
  const copies = readdirSync(at("images")).filter((each) => each.startsWith("copy-") && !each.includes("~"));
  const exports = readdirSync(at("exports")).filter((each) => each.endsWith(".tar"));
  const which = random();
  if (which < 0.25 && kept[0] && exports.length < 4) {
    say(`try export ${name}.tar`);
    await client.request("domainExport", { domain: kept[0].uuid, file: at(`exports/${name}.tar`) });
    say(`did export ${name}.tar`);
  } else if (exports.length > 2) {
    say(`try forget ${exports[0]!}`);
    rmSync(at(`exports/${exports[0]!}`));
    say(`did forget ${exports[0]!}`);
  } else if (which < 0.5 && kept.length < 4) {
    say(`try import ${name}`);
    await client.request("domainImport", { file: at("in.tar"), name });
    say(`did import ${name}`);
  } else if (which < 0.75 && copies.length < 4) {
    const format = random() < 0.5 ? "qcow2" : "raw";
    say(`try copy copy-${name}.${format === "raw" ? "img" : "qcow2"}`);
    const { path: made } = await client.request("imageCopy", {
      path: at("images/from.img"),
      name: `copy-${name}`,
      format,
    });
    say(`did copy ${path.basename(made)}`);
  } else if (which < 0.9 && kept[0]) {
    const { uuid, files } = kept[0];
    say(`try delete ${kept[0].name}`);
    await client.request("keptDelete", { uuid });
    await client.request("binPurge", {});
    // The disks of a domain stay when it is gone.
    for (const file of files) await client.request("diskRemove", { name: path.basename(file) });
    await client.request("imagePurge", {});
    say(`did delete ${kept[0].name}`);
  } else if (copies[0]) {
    say(`try drop ${copies[0]}`);
    await client.request("diskRemove", { name: copies[0] });
    await client.request("imagePurge", {});
    say(`did drop ${copies[0]}`);
  }
}

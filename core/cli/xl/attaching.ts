/** Subcommands that attach split devices to a running domain, detach them, and change what is in a drive. */
import { domidOf, orSay, XlFailure, type Call, type XlCommand, type XlCommands } from "./command.ts";

/** `key` is that of the device's list in xl.cfg. As in xl, parts of the specification are joined with commas. */
function attach(key: string, what: string, needsSpec: boolean): XlCommand {
  return {
    summary: `Create a new ${what}`,
    operands: needsSpec ? "<Domain> <spec...>" : "<Domain> [spec...]",
    dryRuns: true,
    async run({ host, operands: [name, ...parts], dryRun }: Call) {
      const domid = await domidOf(await host(), name!);
      if (dryRun) return 0;
      const request = { domid, key, spec: parts.join(","), folder: process.cwd() };
      await orSay((await host()).request("deviceAttach", request), `libxl_device_${key}_add failed.`);
      return 0;
    },
  };
}

function detach(key: string, what: string): XlCommand {
  return {
    summary: `Destroy a domain's ${what}`,
    operands: "<Domain> <DevId>",
    options: [["--force", "do not wait for the guest to let go of it"]],
    async run({ host, operands: [name, device], options }: Call) {
      const domid = await domidOf(await host(), name!);
      const request = { domid, key, device: device!, force: options.force === true };
      await orSay((await host()).request("deviceDetach", request), `libxl_device_${key}_remove failed.`);
      return 0;
    },
  };
}

/** With `file` null the medium is taken out. */
async function insert({ host, operands: [name, vdev] }: Call, file: string | null): Promise<number> {
  const domid = await domidOf(await host(), name!);
  if (file === "") throw new XlFailure("error: cd-insert needs the path of an image; cd-eject empties the drive");
  const spec = `vdev=${vdev},cdrom${file === null ? "" : `,target=${file}`}`;
  const request = { domid, key: "disk", spec, folder: process.cwd() };
  await orSay((await host()).request("mediumInsert", request), "libxl_cdrom_insert failed.");
  return 0;
}

export const ATTACHING: XlCommands = {
  "block-attach": attach("disk", "virtual block device", true),
  "block-detach": detach("disk", "virtual block device"),
  "network-attach": attach("vif", "virtual network interface", false),
  "network-detach": detach("vif", "virtual network interface"),
  "vkb-attach": attach("vkb", "virtual keyboard and pointer", true),
  "vkb-detach": detach("vkb", "virtual keyboard and pointer"),
  "cd-insert": {
    summary: "Insert a CD image into a domain's CD drive",
    operands: "<Domain> <VirtualDevice> <Image>",
    run: (call) => insert(call, call.operands[2]!),
  },
  "cd-eject": {
    summary: "Eject the CD from a domain's CD drive",
    operands: "<Domain> <VirtualDevice>",
    run: (call) => insert(call, null),
  },
};

/** `xl block-attach`, `block-detach`, `cd-insert`, `cd-eject`. */
import { domain, operands, options, say, type Command } from "../command.ts";
import { UsageError } from "../arguments.ts";

/** `xl block-attach DOMAIN SPEC…`: parts of the specification are joined with commas. */
export const blockAttach: Command = async (host, args) => {
  const [name, ...parts] = args;
  if (name === undefined || parts.length === 0) throw new UsageError("block-attach needs the domain and a disk");
  const domid = await domain(host, name);
  const { id } = await host.request("deviceAttach", {
    domid,
    key: "disk",
    spec: parts.join(","),
    folder: process.cwd(),
  });
  return say(`disk ${id} attached\n`);
};

/** `xl block-detach [--force] DOMAIN VDEV`. */
export const blockDetach: Command = async (host, args) => {
  const { values, positionals } = options(args, { force: { type: "boolean" } }, 2);
  const [name, device] = operands(positionals, "the domain", "the disk") as [string, string];
  const domid = await domain(host, name);
  await host.request("deviceDetach", { domid, key: "disk", device, force: values.force === true });
  return 0;
};

/** `xl cd-insert DOMAIN VDEV FILE`. */
export const cdInsert: Command = async (host, args) => {
  const [name, vdev, file] = operands(args, "the domain", "the drive", "the image") as [string, string, string];
  const domid = await domain(host, name);
  const spec = `vdev=${vdev},cdrom,target=${file}`;
  await host.request("mediumInsert", { domid, key: "disk", spec, folder: process.cwd() });
  return 0;
};

/** `xl cd-eject DOMAIN VDEV`. */
export const cdEject: Command = async (host, args) => {
  const [name, vdev] = operands(args, "the domain", "the drive") as [string, string];
  const domid = await domain(host, name);
  await host.request("mediumInsert", { domid, key: "disk", spec: `vdev=${vdev},cdrom`, folder: process.cwd() });
  return 0;
};

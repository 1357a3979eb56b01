/** Subcommands that show domains and the host. */
import { hostname } from "node:os";
import type { DomainInfo } from "../../toolstack/messages.ts";
import { libxlConfig } from "../../toolstack/libxl-json.ts";
import { domidOf, print, XlFailure, type Host, type XlCommands } from "./command.ts";
import {
  formatClaims,
  formatInfo,
  formatList,
  formatNuma,
  formatSharing,
  formatUptime,
  formatUptimeShort,
  formatVcpuList,
  formatVmList,
  json,
} from "./format.ts";
import { top } from "./top.ts";

/** Returns all domains, or those that are named, in that order. */
async function domains(host: Host, names: readonly string[]): Promise<DomainInfo[]> {
  const all = await host.request("list", {});
  if (!names.length) return all;
  const wanted = await Promise.all(names.map((name) => domidOf(host, name)));
  return wanted.map((domid) => all.find((each) => each.domid === domid)!).filter(Boolean);
}

export const INSPECTING: XlCommands = {
  list: {
    summary: "List all domains, or some",
    operands: "[Domains...]",
    options: [
      ["-l, --long", "all about them, as JSON"],
      ["-v, --verbose", "with UUIDs, reasons of shutdown and security labels"],
      ["-Z, --context", "with security labels"],
      ["-c, --cpupool", "with CPU pools"],
      ["-n, --numa", "with NUMA nodes"],
    ],
    run: async ({ host, operands, options }) => {
      const api = await host();
      const shown = await domains(api, operands).catch((error: unknown) => {
        const [name] = operands;
        const isNumber = operands.length === 1 && /^\d+$/.test(name!);
        throw error instanceof XlFailure && isNumber ? new XlFailure(`Error: Domain '${name}' does not exist.`) : error;
      });
      if (!options.long) return print(formatList(shown, options));
      const long = await Promise.all(
        shown.map(async (each) => {
          const { weight, cap } = await api.request("setScheduler", { domid: each.domid });
          return { domid: each.domid, config: libxlConfig(each, { weight, cap }) };
        }),
      );
      return print(`${json(long)}\n`);
    },
  },
  "vm-list": {
    summary: "List UUIDs, domids and names of domains",
    run: async ({ host }) => print(formatVmList(await (await host()).request("list", {}))),
  },
  domid: {
    summary: "The domid of a domain's name",
    operands: "<DomainName>",
    run: async ({ host, operands: [name] }) => {
      const found = (await (await host()).request("list", {})).find((each) => each.name === name);
      if (!found) throw new XlFailure(`Can't get domid of domain name '${name}', maybe this domain does not exist.`);
      return print(`${found.domid}\n`);
    },
  },
  domname: {
    summary: "The name of a domid",
    operands: "<DomainId>",
    run: async ({ host, operands: [id] }) => {
      if (!/^\d+$/.test(id!)) throw new XlFailure("Invalid domain id.\n");
      const found = (await (await host()).request("list", {})).find((each) => each.domid === Number(id));
      if (!found) throw new XlFailure(`Can't get domain name of domain id '${id}', maybe this domain does not exist.`);
      return print(`${found.name}\n`);
    },
  },
  "vcpu-list": {
    summary: "List the vCPUs of all domains, or some",
    operands: "[Domains...]",
    run: async ({ host, operands }) => {
      const api = await host();
      const wanted = await Promise.all(operands.map((name) => domidOf(api, name)));
      const vcpus = await api.request("vcpuList", {});
      return print(
        formatVcpuList(wanted.length ? wanted.flatMap((domid) => vcpus.filter((each) => each.domid === domid)) : vcpus),
      );
    },
  },
  uptime: {
    summary: "How long domains have run",
    operands: "[Domains...]",
    options: [["-s, --short", "a line for each as uptime(1) has it"]],
    run: async ({ host, operands, options }) => {
      const shown = await domains(await host(), operands);
      return print((options.short ? formatUptimeShort : formatUptime)(shown, Date.now()));
    },
  },
  info: {
    summary: "Information about the Xen host",
    options: [["-n, --numa", "with its topology and NUMA nodes"]],
    run: async ({ host, options }) => {
      const info = await (await host()).request("hostInfo", {});
      return print(formatInfo(info, hostname()) + (options.numa ? formatNuma(info) : ""));
    },
  },
  claims: {
    summary: "Memory that domains have claimed and not taken: none here",
    run: async ({ host }) => print(formatClaims(await (await host()).request("list", {}))),
  },
  sharing: {
    summary: "Memory that domains share: none here",
    operands: "[Domains...]",
    run: async ({ host, operands }) => print(formatSharing(await domains(await host(), operands))),
  },
  dmesg: {
    summary: "Xen's message buffer",
    options: [["-c, --clear", "empty it afterwards"]],
    run: async ({ host, options }) => print(await (await host()).request("dmesg", { clear: options.clear === true })),
  },
  top: {
    summary: "What domains use, again and again, as xentop has it",
    options: [
      ["-d, --delay <SECONDS>", "seconds between two looks (3)"],
      ["-i, --iterations <N>", "end after so many"],
      ["-b, --batch", "one below the other, for a file"],
    ],
    run: top,
  },
};

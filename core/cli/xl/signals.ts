/** Subcommands that send something to a domain or to Xen. */
import path from "node:path";
import { domidOf, orSay, XlFailure, type XlCommands } from "./command.ts";

const TRIGGERS = ["nmi", "reset", "init", "power", "sleep", "s3resume"] as const;
type Trigger = (typeof TRIGGERS)[number];

const isTrigger = (text: string): text is Trigger => (TRIGGERS as readonly string[]).includes(text);

export const SIGNALS: XlCommands = {
  sysrq: {
    summary: "Send a magic system request to a domain's Linux",
    operands: "<Domain> <letter>",
    run: async ({ host, operands: [name, letter] }) => {
      const domid = await domidOf(await host(), name!);
      if ([...letter!].length !== 1) throw new XlFailure("Invalid sysrq.");
      await (await host()).request("sysrq", { domid, key: letter! });
      return 0;
    },
  },
  trigger: {
    summary: "Send a trigger to a domain",
    operands: `<Domain> <${TRIGGERS.join("|")}> [VCPU]`,
    run: async ({ host, operands: [name, trigger, number] }) => {
      const domid = await domidOf(await host(), name!);
      if (!isTrigger(trigger!)) throw new XlFailure(`Invalid trigger "${trigger}"`);
      const isNumber = number === undefined || /^\d{1,3}$/.test(number);
      if (!isNumber) process.stderr.write("Invalid vcpuid, using default vcpuid=0.\n\n");
      const vcpu = isNumber ? Number(number ?? 0) : 0;
      await orSay((await host()).request("trigger", { domid, trigger, vcpu }), `Send trigger '${trigger}' failed`);
      return 0;
    },
  },
  "button-press": {
    summary: "Press a button of a domain (old; see trigger)",
    operands: "<Domain> <power|sleep>",
    run: async ({ host, operands: [name, button] }) => {
      process.stderr.write('WARNING: "button-press" is deprecated. Please use "trigger"\n');
      const domid = await domidOf(await host(), name!);
      if (button !== "power" && button !== "sleep") throw new XlFailure(`${button} is an invalid button identifier`);
      await orSay(
        (await host()).request("trigger", { domid, trigger: button, vcpu: 0 }),
        `Send trigger '${button}' failed`,
      );
      return 0;
    },
  },
  "dump-core": {
    summary: "Dump a domain's memory and vCPUs to an ELF file, for crash and readelf",
    operands: "<Domain> <filename>",
    run: async ({ host, operands: [name, file] }) => {
      const domid = await domidOf(await host(), name!);
      await orSay((await host()).request("dumpCore", { domid, file: path.resolve(file!) }), "core dump failed (rc=-3)");
      return 0;
    },
  },
  "debug-keys": {
    summary: "Send debug keys to Xen",
    operands: "<Keys>",
    run: async ({ host, operands: [keys] }) => {
      await orSay((await host()).request("debugKeys", { keys: keys! }), "cannot send debug keys");
      return 0;
    },
  },
};

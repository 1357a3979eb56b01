/**
 * Xen 4.17's own xl, xenstored and xenstore clients, from Debian's packages, run where there is no Xen: ./host.c stands in for the hypervisor. Needs
 * gcc. ./record.ts records what they answer.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { debianPackage } from "../guests/images.ts";

const LIBRARIES = [
  ..."libxenmisc4.17 libxenstore4 libxencall1 libxenevtchn1 libxengnttab1 libxenforeignmemory1 libxendevicemodel1".split(
    " ",
  ),
  ..."libxenhypfs1 libxentoolcore1 libxentoollog1 libyajl2".split(" "),
];
/** The domains of that host: name and memory. */
const DOMAINS = ["Domain-0", "web", "db", "gone"];
const MEMORY_KIB = [524288, 65536, 98304, 32768];

/** As in host.c. */
const UUID_OF_WEB = "11111111-1111-1111-1111-111111111111";

export interface Answer {
  status: number | null;
  out: string;
  err: string;
}

export class Stock {
  readonly folder = mkdtempSync(path.join(tmpdir(), "stock-xen-"));
  readonly #environment: NodeJS.ProcessEnv;
  readonly #xl = path.join(debianPackage("xen-utils-4.17"), "usr/lib/xen-4.17/bin");
  readonly #clients = path.join(debianPackage("xenstore-utils"), "usr/bin");
  readonly #stand: string;
  #xenstored: ChildProcess | null = null;

  constructor() {
    this.#stand = path.join(this.folder, "host.so");
    const headers = path.join(debianPackage("libxen-dev"), "usr/include");
    const source = path.join(import.meta.dirname, "host.c");
    execFileSync("gcc", ["-shared", "-fPIC", "-O1", "-w", `-I${headers}`, "-o", this.#stand, source, "-ldl"]);
    this.#environment = {
      PATH: process.env.PATH,
      LD_LIBRARY_PATH: LIBRARIES.map((name) => path.join(debianPackage(name), "usr/lib/x86_64-linux-gnu")).join(":"),
      XENSTORED_RUNDIR: this.folder,
      XENSTORED_ROOTDIR: this.folder,
      STOCK_FOLDER: this.folder,
    };
  }

  /** Starts xenstored with the domains of that host in it. */
  async start(): Promise<void> {
    writeFileSync(path.join(this.folder, "xl.conf"), 'autoballoon = "off"\n');
    this.#xenstored = spawn(path.join(this.#xl, "xenstored"), ["-N"], {
      env: { ...this.#environment, LD_PRELOAD: this.#stand },
      stdio: "ignore",
    });
    const socket = path.join(this.folder, "socket");
    for (let i = 0; !existsSync(socket); i++) {
      if (i === 100) throw new Error("the stock xenstored does not start");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.client("xenstore-write", "/local/pool/0/name", "Pool-0");
    const uuid = UUID_OF_WEB;
    const config = {
      c_info: { type: "pv", name: "web", uuid },
      b_info: { max_vcpus: 2, avail_vcpus: [0, 1], "type.pv": {} },
    };
    writeFileSync(path.join(this.folder, `userdata-d.1.${uuid}.libxl-json`), JSON.stringify(config));
    DOMAINS.forEach((name, domid) => {
      const at = `/local/domain/${domid}`;
      const kib = String(MEMORY_KIB[domid]);
      this.client("xenstore-write", `${at}/name`, name, `${at}/domid`, String(domid), `${at}/vm`, `/vm/${domid}`);
      this.client(
        "xenstore-write",
        `${at}/memory/target`,
        kib,
        `${at}/memory/static-max`,
        kib,
        `${at}/memory/videoram`,
        "0",
      );
    });
  }

  xl(...args: string[]): Answer {
    return this.#run(path.join(this.#xl, "xl"), args, { LD_PRELOAD: this.#stand });
  }

  client(name: string, ...args: string[]): Answer {
    return this.#run(path.join(this.#clients, name), args, {});
  }

  #run(program: string, args: string[], more: NodeJS.ProcessEnv): Answer {
    const { status, stdout, stderr } = spawnSync(program, args, {
      env: { ...this.#environment, ...more },
      cwd: this.folder,
      encoding: "latin1",
      timeout: 5000,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { status, out: stdout, err: stderr };
  }

  stop(): void {
    this.#xenstored?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a client may make the server keep, and where the user's socket may lie. */
import { EventEmitter } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { HostJournal } from "../../core/api/journal/host-journal.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { HOST_MEMORY_MIB, MOST_PCPUS, type ServerMessage } from "../../core/api/schema.ts";
import { Session } from "../../core/api/session.ts";
import { connectLocal, socketPath } from "../../core/api/transport/local-client.ts";
import { serveLocal } from "../../core/api/transport/local-socket.ts";
import { HOST_MEMORY_MAX_MIB, HOST_MEMORY_MIN_MIB } from "../../core/machine/host.ts";
import { MAX_PCPUS } from "../../core/machine/layout.ts";
import { temporaryFolder } from "../temporary.ts";

/** A host whose toolstack takes its time. Only the session's side of it is used. */
function double(): { host: HostService; answer: () => void } {
  const waiting: (() => void)[] = [];
  const toolstack = { request: () => new Promise((resolve) => waiting.push(() => resolve([]))) };
  const statistics = () => Promise.resolve({ domains: [] });
  const journal = new HostJournal(() => {}, { gone: () => null, kept: () => null });
  const nothing = { folder: null };
  const keepsNothing = { images: nothing, fetching: { kernels: nothing }, transfers: { incoming: nothing } };
  const parts = { state: { power: "running" }, log: "", notices: [], toolstack, journal, ...keepsNothing, statistics };
  const host = Object.assign(new EventEmitter(), parts);
  return {
    host: host as unknown as HostService,
    answer: () => {
      for (const each of waiting.splice(0)) each();
    },
  };
}
function session(host: HostService) {
  const sent: ServerMessage[] = [];
  const reader = { backlog: 0, ended: "" };
  const made = new Session(host, {
    send: (message) => void sent.push(message),
    get backlog() {
      return reader.backlog;
    },
    end: (reason) => void (reader.ended = reason),
    mayNameFiles: false,
  });
  return { made, sent, reader };
}

describe("a client", () => {
  it("that does not read gets no figures, then is told to go and nothing is kept for it", async () => {
    const { host } = double();
    const { made, sent, reader } = session(host);
    const other = session(host);
    reader.backlog = 2 * 1024 * 1024;
    const figures = (messages: ServerMessage[]) =>
      messages.filter((message) => "event" in message && message.event === "statistics");
    for (const each of [made, other.made])
      await each.receive({ id: 1, request: "statisticsEvery", args: { milliseconds: 100 } });
    await expect.poll(() => figures(other.sent).length).toBeGreaterThan(1);
    expect(figures(sent)).toEqual([]);
    other.made.end();
    reader.backlog = 33 * 1024 * 1024;
    host.emit("notice", { severity: "info", message: "", domid: null });
    expect(reader.ended).toMatch(/does not read/);
    const count = sent.length;
    host.emit("notice", { severity: "info", message: "", domid: null });
    await made.receive({ id: 2, request: "hostState", args: {} });
    expect(sent.length).toBe(count);
    expect(host.listenerCount("console")).toBe(0);
  });

  it("has a bounded number of requests under way, and is served again afterwards", async () => {
    const { host, answer } = double();
    const { made, sent } = session(host);
    const all = Array.from({ length: 300 }, (_, id) => made.receive({ id, request: "list", args: {} }));
    const refused = () => sent.filter((message) => "error" in message && message.error.code === "EBUSY");
    await expect.poll(refused).toHaveLength(44);
    answer();
    await Promise.all(all);
    expect(sent.filter((message) => "result" in message)).toHaveLength(256);
    await made.receive({ id: 500, request: "hostState", args: {} });
    expect(sent.at(-1)).toMatchObject({ id: 500, result: { power: "running" } });
    made.end();
  });

  it("gives a bounded number of files, however small", async () => {
    const { made, sent } = session(double().host);
    for (let id = 0; id < 65; id++) await made.receive({ id, request: "fileBegin", args: { name: "a", size: 0 } });
    expect(sent.filter((message) => "result" in message)).toHaveLength(64);
    expect(sent.at(-1)).toMatchObject({ error: { code: "ENOSPC" } });
    made.end();
  });

  it("may ask for the hosts that the machine can be", () => {
    expect(HOST_MEMORY_MIB).toEqual({ least: HOST_MEMORY_MIN_MIB, most: HOST_MEMORY_MAX_MIB });
    expect(MOST_PCPUS).toBe(MAX_PCPUS);
  });
});

describe.skipIf(process.platform === "win32")("the user's socket", () => {
  it("lies in a folder that nobody else enters, or nowhere", async () => {
    const { host } = double();
    const base = temporaryFolder("private");
    const file = path.join(base, "own", "host.sock");
    const served = await serveLocal(host, file);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
    (await connectLocal(file)).close();
    chmodSync(path.dirname(file), 0o755);
    await expect(connectLocal(file)).rejects.toThrow(/0700/);
    await served.close();
    expect(existsSync(path.dirname(file))).toBe(false);
    mkdirSync(path.dirname(file), { mode: 0o755 });
    await expect(serveLocal(host, file)).rejects.toThrow(/0700/);
    mkdirSync(path.join(base, "target"), { mode: 0o700 });
    symlinkSync(path.join(base, "target"), path.join(base, "link"));
    await expect(serveLocal(host, path.join(base, "link", "host.sock"))).rejects.toThrow(/0700/);
  });

  describe("where the user says that it is to be", () => {
    const named = process.env.XENARIUM_SOCKET;
    afterEach(() => {
      if (named === undefined) delete process.env.XENARIUM_SOCKET;
      else process.env.XENARIUM_SOCKET = named;
    });
    const place = (): string => {
      const file = path.join(temporaryFolder("named"), "x.sock");
      process.env.XENARIUM_SOCKET = file;
      return file;
    };
    /** Exits at once and leaves its socket behind, like a process that is killed. */
    const leaveSocket = (file: string): void => {
      const script = `require("net").createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, "SIGKILL"))`;
      spawnSync(process.execPath, ["-e", script]);
      expect(statSync(file).isSocket()).toBe(true);
    };

    it("takes the place of no file, folder or link, which stay as they are", async () => {
      const { host } = double();
      const file = place();
      writeFileSync(file, "my thesis");
      await expect(serveLocal(host, file)).rejects.toThrow(/is a file, not a socket/);
      expect(readFileSync(file, "utf8")).toBe("my thesis");
      const folder = place();
      mkdirSync(folder);
      await expect(serveLocal(host, folder)).rejects.toThrow(/is a folder, not a socket/);
      const link = place();
      symlinkSync(file, link);
      await expect(serveLocal(host, link)).rejects.toThrow(/is a link, not a socket/);
      const dangling = place();
      symlinkSync(path.join(path.dirname(dangling), "nothing"), dangling);
      await expect(serveLocal(host, dangling)).rejects.toThrow(/is a link/);
      expect(readFileSync(link, "utf8")).toBe("my thesis");
      expect(readdirSync(path.dirname(folder))).toEqual(["x.sock"]);
    });

    it("takes the place of no socket that somebody listens at, or that another program has left", async () => {
      const { host } = double();
      const file = place();
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(file, resolve));
      await expect(serveLocal(host, file)).rejects.toThrow(/listens at/);
      expect(other.listening && statSync(file).isSocket()).toBe(true);
      await new Promise((resolve) => other.close(resolve));
      leaveSocket(file);
      await expect(serveLocal(host, file)).rejects.toThrow(/no Xenarium host has left/);
      expect(statSync(file).isSocket()).toBe(true);
      // The mark belongs to an earlier socket of ours and says nothing about this one.
      writeFileSync(`${file}.owner`, "1 1\n");
      await expect(serveLocal(host, file)).rejects.toThrow(/no Xenarium host has left/);
    });

    it("takes the place of what a host that was killed has left, and leaves nothing", async () => {
      const { host } = double();
      const file = place();
      leaveSocket(file);
      const { dev, ino } = statSync(file);
      writeFileSync(`${file}.owner`, `${dev} ${ino}\n`);
      const served = await serveLocal(host, file);
      (await connectLocal(file)).close();
      await expect(serveLocal(host, file)).rejects.toThrow(/listens at/);
      expect(readFileSync(`${file}.owner`, "utf8")).toBe(`${statSync(file).dev} ${statSync(file).ino}\n`);
      await served.close();
      expect(readdirSync(path.dirname(file))).toEqual([]);
    });
  });

  it("is the user's own by default", () => {
    const { XDG_RUNTIME_DIR: runtime, XENARIUM_SOCKET: named } = process.env;
    try {
      delete process.env.XENARIUM_SOCKET;
      process.env.XDG_RUNTIME_DIR = "/run/user/7";
      expect(socketPath()).toBe("/run/user/7/xenarium/host.sock");
      delete process.env.XDG_RUNTIME_DIR;
      expect(socketPath()).toMatch(/xenarium-\d+\/host\.sock$/);
      process.env.XENARIUM_SOCKET = "/somewhere/x.sock";
      expect(socketPath()).toBe("/somewhere/x.sock");
    } finally {
      delete process.env.XENARIUM_SOCKET;
      delete process.env.XDG_RUNTIME_DIR;
      if (runtime !== undefined) process.env.XDG_RUNTIME_DIR = runtime;
      if (named !== undefined) process.env.XENARIUM_SOCKET = named;
    }
  });
});

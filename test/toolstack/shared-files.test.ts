/** Files on their way into shared folders when the host goes off, or when the device goes. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { SharedFiles } from "../../core/toolstack/shared-files.ts";

const args = { domid: 1, device: "0", name: "note", size: 0, replaces: false };

/** A promise that the test settles. */
function later<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

describe("files on their way into shared folders", () => {
  const receive = vi.fn();
  const file = { take: vi.fn(), finish: vi.fn(), drop: vi.fn() };
  let shared: SharedFiles;

  beforeEach(() => {
    vi.resetAllMocks();
    receive.mockResolvedValue(file);
    file.drop.mockResolvedValue(undefined);
    const device = { kind: "9pfs", id: "0", front: { tag: "share" }, back: { path: "/share", mode: "w" } };
    const lifecycle = { managed: () => ({ name: "guest", config: { devices: [device] } }) };
    const backends = { find: () => ({ backend: { receive } }) };
    shared = new SharedFiles(lifecycle as never, backends as never);
  });

  it("that begin while the host goes off are gone before it is off, and others begin no more", async () => {
    const opened = later<typeof file>();
    receive.mockReturnValue(opened.promise);
    const begun = shared.begin(args);
    const isClosed = vi.fn();
    const closed = shared.close().then(isClosed);
    await expect(shared.begin(args)).rejects.toMatchObject({ code: "ECANCELED" });
    await new Promise(setImmediate);
    expect(isClosed).not.toHaveBeenCalled();
    opened.resolve(file);
    await expect(begun).rejects.toMatchObject({ code: "ECANCELED" });
    await closed;
    expect(file.drop).toHaveBeenCalledTimes(1);
  });

  it("that come to their end while the host goes off come to it first", async () => {
    const named = later<void>();
    file.finish.mockReturnValue(named.promise);
    const ended = shared.end(await shared.begin(args));
    const isClosed = vi.fn();
    const closed = shared.close().then(isClosed);
    await new Promise(setImmediate);
    expect(isClosed).not.toHaveBeenCalled();
    named.resolve();
    await ended;
    await closed;
    expect(file.drop).not.toHaveBeenCalled();
  });
});

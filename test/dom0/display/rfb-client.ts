/** As much of an RFB client as is needed to see what a server does with right and wrong messages. */
import { connect, type Socket } from "node:net";
import { responseTo } from "../../../core/dom0/display/vnc/authentication.ts";

export class RfbClient {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #waiting: { count: number; resolve: (bytes: Buffer) => void; reject: (error: Error) => void } | null = null;
  isClosed = false;
  readonly closed: Promise<void>;
  width = 0;
  height = 0;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#feed();
    });
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) =>
      this.socket.once("close", () => {
        this.isClosed = true;
        this.#waiting?.reject(new Error("closed"));
        resolve();
      }),
    );
  }
  #feed(): void {
    if (!this.#waiting || this.#bytes.length < this.#waiting.count) return;
    const { count, resolve } = this.#waiting;
    this.#waiting = null;
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    resolve(taken);
  }
  read(count: number): Promise<Buffer> {
    if (this.isClosed && this.#bytes.length < count) return Promise.reject(new Error("closed"));
    return new Promise((resolve, reject) => {
      this.#waiting = { count, resolve, reject };
      this.#feed();
    });
  }
  send(...bytes: (number | Buffer)[]): void {
    this.socket.write(Buffer.concat(bytes.map((each) => (typeof each === "number" ? Buffer.of(each) : each))));
  }

  /** Connects up to the request for the first update. Returns the name that the server gives. */
  async enter(version = "003.008", password: string | null = null): Promise<string> {
    await this.read(12);
    this.send(Buffer.from(`RFB ${version}\n`));
    if (version === "003.003") {
      const type = (await this.read(4)).readUInt32BE();
      if (type === 0) throw new Error(await this.#text());
    } else {
      const [count] = await this.read(1);
      if (count === 0) throw new Error(await this.#text());
      const [type] = await this.read(count!);
      this.send(type!);
    }
    if (password !== null) this.send(responseTo(await this.read(16), password));
    if (password !== null || version === "003.008") {
      const result = (await this.read(4)).readUInt32BE();
      if (result !== 0) throw new Error(version === "003.008" ? await this.#text() : "refused");
    }
    this.send(1);
    const init = await this.read(24);
    this.width = init.readUInt16BE(0);
    this.height = init.readUInt16BE(2);
    return (await this.read(init.readUInt32BE(20))).toString();
  }
  async #text(): Promise<string> {
    return (await this.read((await this.read(4)).readUInt32BE())).toString();
  }

  encodings(...list: number[]): void {
    const message = Buffer.alloc(4 + 4 * list.length);
    message[0] = 2;
    message.writeUInt16BE(list.length, 2);
    list.forEach((each, i) => message.writeInt32BE(each, 4 + 4 * i));
    this.send(message);
  }
  ask(incremental: boolean, x = 0, y = 0, width = 65535, height = 65535): void {
    const message = Buffer.alloc(10);
    message[0] = 3;
    message[1] = incremental ? 1 : 0;
    [x, y, width, height].forEach((each, i) => message.writeUInt16BE(each, 2 + 2 * i));
    this.send(message);
  }
  /** Returns the next update's rectangles, raw or without pixels. */
  async update(): Promise<{ x: number; y: number; width: number; height: number; encoding: number; pixels: Buffer }[]> {
    const count = (await this.read(4)).readUInt16BE(2);
    const rectangles = [];
    for (let i = 0; i < count; i++) {
      const head = await this.read(12);
      const [x, y, width, height] = [0, 2, 4, 6].map((at) => head.readUInt16BE(at)) as [number, number, number, number];
      const encoding = head.readInt32BE(8);
      const pixels = encoding === 0 ? await this.read(width * height * 4) : Buffer.alloc(0);
      rectangles.push({ x, y, width, height, encoding, pixels });
    }
    return rectangles;
  }
  key(keysym: number, isDown: boolean): void {
    const message = Buffer.alloc(8);
    message[0] = 4;
    message[1] = isDown ? 1 : 0;
    message.writeUInt32BE(keysym, 4);
    this.send(message);
  }
  scancode(scancode: number, isDown: boolean): void {
    const message = Buffer.alloc(12);
    message[0] = 255;
    message.writeUInt16BE(isDown ? 1 : 0, 2);
    message.writeUInt32BE(scancode, 8);
    this.send(message);
  }
  pointer(x: number, y: number, buttons: number): void {
    const message = Buffer.alloc(6);
    message[0] = 5;
    message[1] = buttons;
    message.writeUInt16BE(x, 2);
    message.writeUInt16BE(y, 4);
    this.send(message);
  }
}

/** `xenstore-ls`: prints the nodes below a path in lines of 80 columns, as the original does when it writes to a file. */
import { print, type Host } from "../xl/command.ts";
import { shown } from "./text.ts";

const WIDTH = 80;
/** Length of what surrounds a value that is cut. */
const AROUND = 8;
/** The column at which permissions begin, after dots. */
const PERMISSIONS_AT = 60;

interface Shape {
  /** Whether whole paths are printed, which are never cut. */
  whole: boolean;
  permissions: boolean;
}

/** Rejects as xenstoreRead does when there is no such path. */
export async function listTree(host: Host, path: string, shape: Shape, depth = 0): Promise<void> {
  const { children } = await host.request("xenstoreRead", { path });
  for (const name of children) {
    const child = `${path === "/" ? "" : path}/${name}`;
    const node = await host.request("xenstoreRead", { path: child });
    const permissions = shape.permissions ? `  (${node.permissions.join(",")})` : "";
    print(`${shape.whole ? whole(child, node.value, shape) : cut(name, node.value, shape, depth)}${permissions}\n`);
    await listTree(host, child, shape, depth + 1);
  }
}

function whole(path: string, value: string, { permissions }: Shape): string {
  return `${path} = "${shown(value)}"${permissions ? " " : ""}`;
}

function cut(name: string, value: string, { permissions }: Shape, depth: number): string {
  const head = `${" ".repeat(depth)}${name}`;
  if (head.length + value.length + AROUND > WIDTH)
    return `${head} = "${shown(value).slice(0, Math.max(0, WIDTH - AROUND - head.length))}\\..."`;
  const line = `${head} = "${shown(value)}"`;
  if (!permissions) return line;
  let dots = " ";
  for (let at = line.length + 1; at < PERMISSIONS_AT; at++) dots += at & 1 ? "." : " ";
  return line + dots;
}

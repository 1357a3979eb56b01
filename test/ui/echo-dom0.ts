/** A dom0 that has one more kind of device. */
import { DEVICE_KINDS } from "../../core/dom0/backends/kinds.ts";
import { startDom0 } from "../../core/toolstack/start-dom0.ts";
import { ECHO } from "../dom0/xenbus/echo/kind.ts";

await startDom0([...DEVICE_KINDS, ECHO]);

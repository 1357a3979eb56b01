/** The entry of dom0's worker. */
import { DEVICE_KINDS } from "../dom0/backends/kinds.ts";
import { startDom0 } from "./start-dom0.ts";

await startDom0(DEVICE_KINDS);

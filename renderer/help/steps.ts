/** The steps of the tour: what each is about, the view in which it is seen, and the thing in that view. Their figures are in figures.tsx. */
import type { DomainInfo } from "../../core/api/schema.ts";
import type { View } from "../state/store.ts";

export type StepId =
  "hypervisor" | "dom0" | "domu" | "pv" | "split-drivers" | "event-channels" | "grants" | "xenstore" | "end";

export interface Step {
  id: StepId;
  title: string;
  /** The paragraphs of the text. */
  text: readonly string[];
  /** Whether the step needs a guest. */
  ofGuest: boolean;
  view: (guest: number) => View;
  /** Returns the thing on the screen, or null while it is not there. */
  target: (guest: number) => Element | null;
}

const find = (selector: string): Element | null => document.querySelector(selector);
const ofGuest = (tab: "overview" | "devices" | "xenstore" | "console") => (domid: number) =>
  ({ page: "domain", domid, tab }) as const;
const overview = (): View => ({ page: "host", tab: "overview" });
const sideEntry = (domid: number): Element | null => find(`.sidebar [data-domid="${domid}"]`);

export const STEPS: readonly Step[] = [
  {
    id: "hypervisor",
    title: "The hypervisor",
    text: [
      "Xen is the hypervisor: a small program that owns the machine. It gives memory and processors to domains and keeps each from what belongs to the others.",
      "It was there before everything else. What you see here is its own log.",
    ],
    ofGuest: false,
    view: overview,
    target: () => find(".log-card"),
  },
  {
    id: "dom0",
    title: "Domain-0",
    text: [
      "Domain-0, or dom0, is the first domain that Xen starts, and the only one that may control the others.",
      "The toolstack that creates domains runs here, with xenstored and the console’s backend. What you click in this window, Domain-0 does.",
    ],
    ofGuest: false,
    view: overview,
    target: () => sideEntry(0),
  },
  {
    id: "domu",
    title: "A guest: domU",
    text: [
      "Every other domain is a guest, a domU: u for unprivileged. It has a kernel of its own and memory that nobody else sees, and thinks little about who lives beside it.",
    ],
    ofGuest: true,
    view: ofGuest("overview"),
    target: sideEntry,
  },
  {
    id: "pv",
    title: "PV: a kernel that knows",
    text: [
      "This guest is paravirtualized, PV: its kernel knows that it runs on Xen. What needs privilege, as a change of a page table, it does not do itself. It asks Xen by a hypercall, and Xen checks before it does it.",
      "The graph counts those calls, second by second.",
    ],
    ofGuest: true,
    view: ofGuest("overview"),
    target: () => find('.graph-plot[aria-label^="Hypercalls"]')?.closest(".card") ?? null,
  },
  {
    id: "split-drivers",
    title: "Split drivers",
    text: [
      "The guest has no hardware. Its drivers are split in two: the frontend in the guest puts requests into a ring, a page of memory that both sides see, and the backend in Domain-0 takes them out and does the work. Console, disks, networks, screen and keyboard are all made so.",
      "A line moves only while something really goes through it.",
    ],
    ofGuest: true,
    view: ofGuest("devices"),
    target: () => find(".wiring-diagram"),
  },
  {
    id: "event-channels",
    title: "Event channels",
    text: [
      "A ring is only memory: somebody has to say “look”. That is what an event channel is for, an interrupt between domains. Each end is a port with a number, and an event is one bit, set by Xen.",
    ],
    ofGuest: true,
    view: ofGuest("devices"),
    target: () => find('.react-flow__node[data-id$="console/0:channel"]'),
  },
  {
    id: "grants",
    title: "Grants",
    text: [
      "The ring’s page belongs to the guest, and its memory is closed to everybody. With a grant the guest opens this one page to one other domain. Xen looks at the grant before it lets Domain-0 map the page.",
    ],
    ofGuest: true,
    view: ofGuest("devices"),
    target: () => find('.react-flow__node[data-id$="console/0:grant"]'),
  },
  {
    id: "xenstore",
    title: "xenstore",
    text: [
      "How do the two halves of a driver find each other? By xenstore, a small tree of names and values that xenstored keeps. Here stand the numbers of the last two steps, the grant and the port, and each domain may read only what it is meant to.",
    ],
    ofGuest: true,
    view: ofGuest("xenstore"),
    target: () => find(".store-main"),
  },
  {
    id: "end",
    title: "Now you",
    text: [
      "This is the guest’s console. If it is the guest that comes with Xenarium, type help: its commands make hypercalls, load and crashes to look at.",
      "To boot a kernel of your own, drop it on this window. All that can be done has a name: the palette lists it.",
    ],
    ofGuest: true,
    view: ofGuest("console"),
    target: () => find(".console"),
  },
];

/** Returns the guest that the tour is about: the one that is looked at, or else the first that lives. */
export function guestOf(domains: readonly DomainInfo[], view: View): DomainInfo | null {
  const living = domains.filter(({ domid, state }) => domid !== 0 && !state.dying && !state.shutdown);
  return living.find(({ domid }) => view.page === "domain" && view.domid === domid) ?? living[0] ?? null;
}

import { FileInput, FolderOpen, Keyboard, SquareTerminal, Unplug } from "lucide-react";
import { useRef } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { askLibrary } from "../library/asked.ts";
import { useApp } from "../state/store.ts";
import { FilePicker } from "../ui/FilePicker.tsx";
import { Table } from "../ui/Table.tsx";
import { Tool } from "../ui/Tool.tsx";
import { askAttach, type AttachKey } from "./attach-state.ts";
import { askDetach } from "./device-deeds.ts";
import { DEVICE_COLUMNS, DeviceLine } from "./DeviceLine.tsx";
import { putFiles, sharedFoldersOf } from "./shared-folders.ts";
import type { DeviceSample } from "./samples.ts";

/** For each kind, the key of its list in xl.cfg; null for one that Xen attaches to no running domain. */
const KEYS: Readonly<Record<string, AttachKey | null>> = { vkbd: "vkb", "9pfs": "p9", console: null };
const ICONS = { vkbd: Keyboard, "9pfs": FolderOpen, console: SquareTerminal } as const;

/** The first console is the toolstack's, and no device that comes or goes. */
function isListed({ wiring: { kind, id } }: DeviceSample): boolean {
  return kind === "console" ? id !== "0" : kind in KEYS;
}

/** Lists a domain's keyboards, shared folders and channels, with what can be done to each while the domain runs. */
export function OtherDevices({
  domid,
  devices,
  select,
}: {
  domid: number;
  devices: readonly DeviceSample[];
  /** Selects a part of the diagram. */
  select: (id: string) => void;
}) {
  const domains = useApp((state) => state.domains);
  const domain = domains.find((each) => each.domid === domid);
  const shown = devices.filter(isListed);
  if (!domain?.config && shown.length === 0) return null;
  return (
    <section className="card device-list">
      <header className="card-header">
        <h2>Keyboards, folders and channels</h2>
        <span className="spacer" />
        {domain?.config && (
          <>
            <button type="button" onClick={() => askAttach(domid, "vkb")}>
              <Keyboard size={14} aria-hidden /> Attach a keyboard…
            </button>
            {window.xenariumDesktop && (
              <button type="button" onClick={() => askAttach(domid, "p9")}>
                <FolderOpen size={14} aria-hidden /> Share a folder…
              </button>
            )}
          </>
        )}
      </header>
      {shown.length === 0 ? (
        <p className="muted">It has none.</p>
      ) : (
        <Table label="Keyboards, folders and channels" columns={DEVICE_COLUMNS}>
          {shown.map((sample) => (
            <OtherRow
              key={sample.key}
              sample={sample}
              domain={domains.find((each) => each.domid === sample.wiring.domid)}
              isAmongOthers={domid === 0}
              select={select}
            />
          ))}
        </Table>
      )}
      {domain?.config && <AtNextStart uuid={domain.uuid} />}
    </section>
  );
}

/** What is not offered here, and the way to it. */
function AtNextStart({ uuid }: { uuid: string }) {
  const isKept = useApp(({ kept }) => kept.some((each) => each.uuid === uuid));
  return (
    <p className="muted">
      Neither xl nor this window attaches channels (<code>channel</code>) and screens (<code>vfb</code>) to a domain
      that runs: those in its configuration are there from its next start on.
      {!window.xenariumDesktop &&
        " A browser can’t share a folder of this computer; the desktop application can, and xl.cfg’s p9."}{" "}
      {isKept && (
        <button type="button" onClick={() => askLibrary({ what: "edit", uuid })}>
          Edit the configuration…
        </button>
      )}
    </p>
  );
}

function OtherRow({
  sample,
  domain,
  isAmongOthers,
  select,
}: {
  sample: DeviceSample;
  domain: DomainInfo | undefined;
  isAmongOthers: boolean;
  select: (id: string) => void;
}) {
  const { wiring } = sample;
  const { kind, id, name, domid } = wiring;
  const spec = domain?.config?.devices.find((each) => each.kind === kind && each.id === id);
  const title =
    kind === "vkbd"
      ? `keyboard ${id}`
      : kind === "9pfs"
        ? `folder ${String(spec?.front.tag ?? id)}`
        : `channel ${String(spec?.front.name ?? id)}`;
  const attachKey = KEYS[kind] ?? null;
  return (
    <DeviceLine
      sample={sample}
      icon={ICONS[kind as keyof typeof ICONS]}
      title={title}
      isAmongOthers={isAmongOthers}
      deeds={
        <>
          {kind === "9pfs" && domain && <PutButton domain={domain} id={id} />}
          {attachKey && (
            <Tool
              label={`Detach ${title}…`}
              onClick={() =>
                askDetach({
                  domid,
                  domain: name,
                  key: attachKey,
                  id,
                  name: title,
                  isCd: false,
                  takesMedia: false,
                  isDisposable: false,
                  isReadOnly: false,
                })
              }
            >
              <Unplug size={16} aria-hidden />
            </Tool>
          )}
        </>
      }
      behind={behindOf(wiring, spec)}
      select={select}
    />
  );
}

/** Puts files there, as a drop on the window does. */
function PutButton({ domain, id }: { domain: DomainInfo; id: string }) {
  const input = useRef<HTMLInputElement>(null);
  const folder = sharedFoldersOf(domain).find((each) => each.id === id);
  if (!folder) return null;
  return (
    <>
      <FilePicker
        input={input}
        label={`Files for the folder ${folder.tag}`}
        multiple
        onPick={(files) => void putFiles(folder, files, false)}
      />
      <Tool label={`Put files into the folder ${folder.tag}…`} onClick={() => input.current?.click()}>
        <FileInput size={16} aria-hidden />
      </Tool>
    </>
  );
}

type Spec = NonNullable<DomainInfo["config"]>["devices"][number];

function behindOf({ kind, id, behind }: DeviceSample["wiring"], spec: Spec | undefined) {
  if (kind === "9pfs") {
    const folder = String(spec?.back.path ?? behind?.figures.find(({ name }) => name === "folder")?.value ?? "");
    return (
      <span title={`In the guest: mount -t 9p -o trans=xen,version=9p2000.L ${String(spec?.front.tag ?? "TAG")} /mnt`}>
        {folder}
        {spec?.back.mode === "r" && ", read-only"}
      </span>
    );
  }
  if (kind === "console")
    return spec?.back.connection === "socket" ? (
      <>the socket {String(spec.back.path)}</>
    ) : (
      <>
        no pty: <code>xl console -n {id}</code>
      </>
    );
  return "the Display tab, and VNC viewers";
}

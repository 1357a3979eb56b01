import { Keyboard, Monitor, SquareTerminal } from "lucide-react";
import { readConfig, withItem } from "../../core/api/config-text.ts";

/** What each adds to the xl.cfg: the key of its list, and one string of it. `number` counts those of the list, from 1 on. */
const DEVICES = [
  {
    key: "channel",
    label: "Channel",
    Icon: SquareTerminal,
    text: (number: number) => `name=org.example.${number},connection=pty`,
  },
  { key: "vfb", label: "Screen", Icon: Monitor, text: () => "vnc=1" },
  { key: "vkb", label: "Keyboard", Icon: Keyboard, text: () => "backend-type=qemu" },
];

/** Adds devices to the configuration that Xen gives a domain only when it starts, and those that go with them. */
export function AtStart({ config, onChange }: { config: string; onChange: (config: string) => void }) {
  return (
    <div className="button-row at-start">
      <span className="muted">Xen attaches channels and screens only when a domain starts. Add a</span>
      {DEVICES.map(({ key, label, Icon, text }) => (
        <button
          key={key}
          type="button"
          onClick={() => {
            const count = readConfig(config).lists.get(key)?.length ?? 0;
            onChange(withItem(config, key, count, text(count + 1)));
          }}
        >
          <Icon size={14} aria-hidden /> {label}
        </button>
      ))}
    </div>
  );
}

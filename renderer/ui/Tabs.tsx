/** A row of tabs. One is in the focus order; the arrow keys go to the others. */
export function Tabs<T extends string>({
  label,
  tabs,
  selected,
  onSelect,
  panel = "tab-panel",
}: {
  label: string;
  tabs: readonly (readonly [id: T, title: string])[];
  selected: T;
  onSelect: (tab: T) => void;
  /** The id of the element that shows the selected tab. */
  panel?: string;
}) {
  const go = (to: number): void => {
    const [id] = tabs[(to + tabs.length) % tabs.length]!;
    onSelect(id);
    document.getElementById(`tab-${id}`)?.focus();
  };
  return (
    <div className="tabs" role="tablist" aria-label={label}>
      {tabs.map(([id, title], i) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={`tab-${id}`}
          aria-selected={selected === id}
          aria-controls={selected === id ? panel : undefined}
          tabIndex={selected === id ? 0 : -1}
          onClick={() => onSelect(id)}
          onKeyDown={({ key }) => {
            if (key === "ArrowLeft") go(i - 1);
            if (key === "ArrowRight") go(i + 1);
            if (key === "Home") go(0);
            if (key === "End") go(tabs.length - 1);
          }}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

# In: $seed and $count. Out: $count objects, each with a container file and what its payload must see. Strings of every ASCII
# character, what quoting and specifiers make special, Unicode, and long ones; the same for the same seed.

def every_character: [range(1; 128)] | map([.] | implode);
def pieces: every_character + ["é", "ß", "🔟", "\u200b", "e\u0301", "\u2028", "\u0085", "%i", "%%", "%n", "$HOME", "${HOME}", "$$",
    "\\n", "\\x41", "\\\\", "\\\"", "\"\"", "''", " ;", "; ", "\n#", "\n[Service]\nUser=nobody\n", "\\\n", "=", "~", "*", "\t "];

# Park and Miller's generator: its products are exact in the numbers of jq.
def next: . * 16807 % 2147483647;
# {seed, out}: `out` gets a string of up to $longest pieces.
def string($pieces; $longest):
    .seed |= next | (.seed % ($longest + 1)) as $length
    | reduce range($length) as $_ (. + {text: ""}; .seed |= next | .text += $pieces[.seed % ($pieces | length)])
    | .out += [.text // ""] | .text = "";
def strings($count; $pieces; $longest):
    .out = [] | .text = "" | reduce range($count) as $_ (.; string($pieces; $longest));

# JSON's strings are TOML's. `%%i` is how a container file writes the two characters `%i`.
def toml: gsub("%i"; "%%i") | tojson;
def list: map(toml) | "[" + join(", ") + "]";

# What a line of a unit can hold, where words are not quoted.
def plain: pieces | map(select(test("[\u0000-\u001f\u007f-\u009f]") | not));
def name: gsub("/"; "|") | gsub("^[ .]+|\\s+$"; "x") | .[:40];

{seed: $seed} | foreach range($count) as $number (.;
    strings(40; pieces; 12) | .words = .out
    | strings(40; pieces; 12) | .values = .out
    | strings(8; plain; 12) | .names = .out
    | if $number == 0 then .words = every_character + (every_character | map("a\(.)b")) | .values = .words else . end
    | if $number == 1 then .words += ["\\" * 60000, "$%\" " * 15000, ""] | .values += ["\\" * 60000, "", "🔟" * 15000] else . end;
    {
        words,
        environment: (.values | to_entries | map({key: "V_\(.key)", value}) | from_entries),
        description: (.names[0] | gsub("^\\s+|\\s+$"; "") | if . == "" then "none" else . end),
        directory: "/opt/escaping/directories/\($number) \(.names[1] | name)x",
        hidden: [.names[2:] | to_entries[] | "/opt/escaping/hidden/\($number)-\(.key) \(.value | name)x"]
    } | .exec = ["/bin/sh", "-c", "mkdir /dump && cat /proc/$$/cmdline >/dump/cmdline && cat /proc/$$/environ >/dump/environ && pwd >/dump/directory && find /opt/escaping/hidden -type f -print0 >/dump/shown", "sh"] + .words
    | .toml = "description = \(.description | toml)
type = \"oneshot\"
restart = \"no\"
start = \"manual\"
working-directory = \(.directory | toml)
exec = \(.exec | list)
[environment]
\(.environment | to_entries | map("\(.key) = \(.value | toml)") | join("\n"))
[root]
base = \"host\"
hide = \(.hidden | list)")

#!/usr/bin/env python3
"""Writes the seeds, fuzz/corpus/<target>/*: from policies/examples/acme, and hostile ones made by hand.

Run it when the example changes; what it writes is committed.
"""

import json
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
ACME = FUZZ.parent / "policies/examples/acme"
CALL = '{"subject":{"user":"alice","client":"claude-code"},"tool":"billing/create_refund","session":{"calls":1,"labels":[]},"now":"2026-11-20T13:00:00Z","arguments":%s}'


def seed(target, name, content):
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def nested(depth, inner="1"):
    return "[" * depth + inner + "]" * depth


# JSON that readers disagree on, or fall over
HOSTILE = {
    "array-deep-31": nested(31),
    "array-deep-32": nested(32),
    "array-deep-33": nested(33),
    "array-deep-1000": nested(1000),
    "array-open-3000": "[" * 3000,
    "object-deep-32": '{"a":' * 32 + "1" + "}" * 32,
    "object-open-500": '{"a":' * 500,
    "duplicate-key": '{"a":1,"a":2}',
    "duplicate-key-escaped": '{"a":1,"\\u0061":2}',
    "duplicate-key-deep": '{"a":{"b":[{"c":1,"c":1}]}}',
    "keys-by-normal-form": '{"\u00e9":1,"e\u0301":2}',
    "surrogate-lone-high": '"\\ud800"',
    "surrogate-lone-low": '"\\udc00"',
    "surrogates-swapped": '"\\udc00\\ud800"',
    "surrogate-pair": '"\\ud83d\\ude00 \\ud83d\\ude00"',
    "surrogate-then-escape": '"\\ud800\\n"',
    "surrogate-in-utf8": b'"\xed\xa0\x80"',
    "utf8-overlong": b'"\xc0\xaf"',
    "utf8-cut": b'"\xe2\x82',
    "byte-order-mark": "\ufeff{}",
    "trailing-comma": "[1,]",
    "trailing-text": "{} {}",
    "control-raw": '"a\nb"',
    "escapes": '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\\u0085\\u202e\\u2028\\ufffe"',
    "escape-unknown": '"\\x41"',
    "empty": "",
    "blanks": " \t\r\n",
    "vertical-tab": "\x0b1",
    "literal-cut": "tru",
    "literals": "[null,true,false,NaN,Infinity]",
    "numbers": "[0,-0,0.0,-0.0,1e0,1E+0,1e-0,10,1.5e3,123456789012345678901234567890]",
    "number-2-53": "[9007199254740992,9007199254740993,-9007199254740993]",
    "number-2-63": "[9223372036854775807,9223372036854775808,-9223372036854775808,-9223372036854775809]",
    "number-2-64": "[18446744073709551615,18446744073709551616]",
    "number-huge-exponent": "[1e308,1e309,-1e309,1e99999999999,1e-99999999999]",
    "number-subnormal": "[5e-324,4.9e-324,2.4703282292062327e-324,2.2250738585072011e-308]",
    "number-long": "1" + "0" * 800,
    "number-long-fraction": "0." + "0" * 400 + "1",
    "number-leading-zero": "01",
    "number-plus": "+1",
    "number-dot": "[1.,.5]",
    "number-hex": "0x10",
    "number-decimal-edge": "[922337203685477.5807,922337203685477.5808,0.00001,0.00010]",
    "escape-cedar": '{"__entity":{"type":"Toolgate::User","id":"olga"}}',
    "escape-cedar-extension": '{"__extn":{"fn":"decimal","arg":"1.0"}}',
    "escape-cedar-expression": '{"__expr":"principal"}',
    "prototype": '{"__proto__":{"a":1},"constructor":1}',
    "comment": "{}//",
    "single-quotes": "{'a':1}",
    "mixed": '{"a":[1,{"b":null,"c":["x",true]}],"d":{"e":{"f":-1.25e-7}}}',
}

# inputSchemas that a stranger might send
PROPERTY = '{"type":"object","properties":{"a":%s},"required":["a"]}'
SCHEMAS = {
    "absent-type": "{}",
    "boolean-true": "true",
    "boolean-false": "false",
    "null": "null",
    "array": "[]",
    "all-types": '{"type":"object","properties":{"s":{"type":"string"},"i":{"type":"integer"},"n":{"type":"number"},"b":{"type":"boolean"},"o":{"type":"object","properties":{"x":{"type":"string"}}},"l":{"type":"array","items":{"type":"integer"}},"z":{"type":"null"}},"required":["s"],"additionalProperties":false}',
    "type-array": PROPERTY % '{"type":["string","null"]}',
    "type-array-mixed": PROPERTY % '{"type":["string","integer","array"]}',
    "type-empty": PROPERTY % '{"type":[]}',
    "type-unknown": PROPERTY % '{"type":"any"}',
    "type-number": PROPERTY % '{"type":7}',
    "enum-strings": PROPERTY % '{"enum":["a","b",""]}',
    "enum-mixed": PROPERTY % '{"enum":["a",1,null,{"b":[]}]}',
    "enum-empty": PROPERTY % '{"enum":[]}',
    "const": PROPERTY % '{"const":1.0}',
    "any-of": PROPERTY % '{"anyOf":[{"type":"string"},{"type":"null"}]}',
    "one-of": PROPERTY % '{"oneOf":[{"type":"integer"},{"type":"number"}]}',
    "all-of": PROPERTY % '{"allOf":[{"type":"object","properties":{"b":{"type":"string"}}},{"type":"object","properties":{"b":{"type":"integer"}}}]}',
    "not": PROPERTY % '{"not":{"type":"string"}}',
    "ref-self": '{"type":"object","properties":{"a":{"$ref":"#"}}}',
    "ref-loop": '{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"$ref":"#/$defs/y"},"y":{"$ref":"#/$defs/x"}}}',
    "ref-tree": '{"type":"object","properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"object","properties":{"l":{"$ref":"#/$defs/n"},"r":{"$ref":"#/$defs/n"}}}}}',
    "ref-shared": '{"type":"object","properties":{"a":{"$ref":"#/$defs/p"},"b":{"$ref":"#/$defs/p"}},"$defs":{"p":{"type":"string"}}}',
    "ref-missing": PROPERTY % '{"$ref":"#/$defs/none"}',
    "ref-remote": PROPERTY % '{"$ref":"https://evil.example/schema.json"}',
    "ref-file": PROPERTY % '{"$ref":"file:///etc/passwd"}',
    "ref-number": PROPERTY % '{"$ref":7}',
    "ref-escaped": '{"type":"object","properties":{"a":{"$ref":"#/$defs/x~1y~0z%25"}},"$defs":{"x/y~z%":{"type":"string"}}}',
    "ref-index": '{"type":"object","properties":{"a":{"$ref":"#/anyOf/0"}},"anyOf":[{"type":"string"}]}',
    "ref-beside": PROPERTY % '{"$ref":"#/$defs/p","type":"integer"}',
    "ref-bomb": compact({
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/d0"}},
        "$defs": {f"d{n}": {"type": "object", "properties": {k: {"$ref": f"#/$defs/d{n + 1}"} for k in "abcdefgh"}} for n in range(12)}
        | {"d12": {"type": "string"}},
    }),
    "ref-dynamic": '{"$dynamicAnchor":"n","type":"object","properties":{"a":{"$dynamicRef":"#n"}}}',
    "properties-array": '{"type":"object","properties":[]}',
    "properties-null": '{"type":"object","properties":{"a":null,"b":true,"c":false,"d":7}}',
    "required-absent": '{"type":"object","required":["a"]}',
    "required-wrong": '{"type":"object","properties":{"a":{"type":"string"}},"required":"a"}',
    "required-twice": '{"type":"object","properties":{"a":{"type":"string"}},"required":["a","a",1]}',
    "names-cedar": '{"type":"object","properties":{"__entity":{"type":"string"},"__extn":{"type":"integer"},"like":{"type":"string"},"in":{"type":"string"},"":{"type":"string"},"a b":{"type":"string"},"\\u0000":{"type":"string"},"\\"":{"type":"integer"},"\\n":{"type":"boolean"}}}',
    "names-typed": '{"type":"object","properties":{"type":{"type":"string"},"properties":{"type":"object","properties":{"type":{"type":"integer"}}},"attributes":{"type":"string"},"required":{"type":"boolean"},"input":{"type":"string"}}}',
    "names-cedar-types": '{"type":"object","properties":{"Long":{"type":"string"},"String":{"type":"integer"},"decimal":{"type":"number"},"Toolgate::Json":{"type":"string"}}}',
    "additional-schema": '{"type":"object","additionalProperties":{"type":"integer"}}',
    "pattern-properties": '{"type":"object","patternProperties":{"^x":{"type":"string"}}}',
    "pattern": PROPERTY % '{"type":"string","pattern":"(a+)+$"}',
    "formats": PROPERTY % '{"type":"string","format":"ipv4"}',
    "bounds": PROPERTY % '{"type":"integer","minimum":-1e400,"maximum":9223372036854775808,"multipleOf":0}',
    "items-tuple": PROPERTY % '{"type":"array","items":[{"type":"string"},{"type":"integer"}]}',
    "items-prefix": PROPERTY % '{"type":"array","prefixItems":[{"type":"string"}],"items":false}',
    "items-nested": PROPERTY % ('{"type":"array","items":' * 10 + '{"type":"number"}' + "}" * 10),
    "objects-nested": '{"type":"object","properties":{"a":' * 12 + '{"type":"integer"}' + "}}" * 12,
    "deep": '{"a":' * 40 + "1" + "}" * 40,
    "if-then": '{"type":"object","if":{"required":["a"]},"then":{"required":["b"]},"properties":{"a":{"type":"string"}}}',
    "default-wrong": PROPERTY % '{"type":"integer","default":"x"}',
    "nullable": PROPERTY % '{"type":"string","nullable":true}',
    "draft-4-required": PROPERTY % '{"type":"string","required":true}',
    "root-any-of": '{"anyOf":[{"type":"object","properties":{"a":{"type":"string"}}},{"type":"object","properties":{"a":{"type":"integer"}}}]}',
    "root-array": '{"type":"array","items":{"type":"string"}}',
}
ARGUMENTS = [
    '{"a":"x"}', '{"a":1}', '{"a":1.0}', '{"a":null}', '{"a":{"a":{}}}', '{"a":[1,"x"]}', '{"a":1e3,"b":-0}',
    '{"s":"x","i":9223372036854775807,"n":1.5,"b":true,"o":{"x":"y"},"l":[1,2],"z":null}',
    '{"__entity":{"type":"Toolgate::User","id":"olga"}}', '{"a":"\\u0000\\u001b[31m\\r\\n\\u202e"}', '{"a\\n\\u001b":1}',
]
LISTS = {
    "bare-empty": "[]",
    "tools-empty": '{"tools":[]}',
    "json-rpc": '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","inputSchema":{"type":"object"}}],"nextCursor":"2"}}',
    "json-rpc-error": '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}',
    "names-odd": '[{"name":"a/b"},{"name":"a b"},{"name":"a\\"b"},{"name":"a::b"},{"name":"a\\\\b"},{"name":"\u540d"}]',
    "names-alike": '[{"name":"pay"},{"name":"p\u0430y"}]',
    "name-control": '[{"name":"a\\u0007"}]',
    "name-bidi": '[{"name":"pay\\u202e"}]',
    "name-empty": '[{"name":""}]',
    "name-long": '[{"name":"%s"}]' % ("a" * 600),
    "name-twice": '[{"name":"a"},{"name":"a"}]',
    "name-of-action": '[{"name":"read"},{"name":"request"},{"name":"issue_token"}]',
    "hints-wrong": '[{"name":"a","annotations":{"readOnlyHint":"true"}}]',
    "hints": '[{"name":"a","annotations":{"readOnlyHint":true}},{"name":"b","annotations":{"destructiveHint":false}},{"name":"c","annotations":null}]',
    "many": compact([{"name": f"t{n}", "inputSchema": {"type": "object"}} for n in range(60)]),
}

# snapshots
HEAD = '"version":1,"issued_at":"2026-11-20T09:00:00Z","max_age":"PT24H"'
PEOPLE = '"users":[{"id":"ann","active":true,"manager":"dana","groups":["sales"]},{"id":"dana","active":true}],"clients":[{"id":"cli","kind":"personal","state":"active"}]'
SNAPSHOTS = {
    "least": "{%s}" % HEAD,
    "people": "{%s,%s}" % (HEAD, PEOPLE),
    "requestable": '{%s,%s,"entitlements":[{"id":"crm:read","requestable_by":["*"],"request_approval":"auto"},{"id":"crm:write","requestable_by":["sales"],"request_approval":"self","max_duration":"P7D"},{"id":"crm:admin","requestable_by":["*"]}],"groups":[{"id":"sales"}]}' % (HEAD, PEOPLE),
    "profile-requestable": '{%s,%s,"profiles":[{"id":"p","entitlements":["crm:write","crm:read"],"requestable_by":["*"],"owners":["dana"]}]}' % (HEAD, PEOPLE),
    "granted": '{%s,%s,"grants":[{"id":"g","to":{"user":"ann","client":"cli"},"entitlement":"crm:write","from":"2026-11-20T08:00:00Z","until":"2026-11-20T09:30:00.000000001Z"}]}' % (HEAD, PEOPLE),
    "granted-later": '{%s,%s,"grants":[{"id":"g","to":{"user":"ann"},"entitlement":"crm:write","from":"2026-11-20T09:00:00.0005Z"}]}' % (HEAD, PEOPLE),
    "granted-by-group": '{%s,%s,"groups":[{"id":"sales","parents":["staff"]},{"id":"staff"}],"grants":[{"id":"g","to":{"group":"staff"},"profile":"p"}],"profiles":[{"id":"p","entitlements":["crm:read"]}]}' % (HEAD, PEOPLE),
    "approved": '{%s,%s,"grants":[{"id":"g","to":{"user":"ann"},"entitlement":"crm:write"}],"approvals":[{"id":"a","kind":"manager","by":"dana","subject":{"user":"ann","client":"cli"},"scope":{"server":"crm"},"from":"2026-11-20T09:00:00Z","until":"2026-11-20T09:10:00Z"},{"id":"b","kind":"self","by":"ann","subject":{"user":"ann","client":"cli"},"scope":{"operation":"write","server":"crm"},"from":"2026-11-20T09:05:00Z","until":"2026-11-20T09:20:00Z"}]}' % (HEAD, PEOPLE),
    "principal": '{%s,%s,"service_principals":[{"id":"bot","active":true,"owner":"ann","manager":"dana","groups":["sales"]}],"grants":[{"id":"g","to":{"service_principal":"bot"},"entitlement":"crm:write"}]}' % (HEAD, PEOPLE),
    "principal-own-manager": '{%s,%s,"service_principals":[{"id":"bot","active":true,"owner":"dana","manager":"dana"}]}' % (HEAD, PEOPLE),
    "stranger": '{%s,"users":[{"id":"ann","active":true,"groups":["inner"]}],"groups":[{"id":"inner","parents":["strangers"]}],"clients":[{"id":"cli","kind":"shared","state":"hidden"}],"grants":[{"id":"g","to":{"user":"ann"},"entitlement":"crm:write"}]}' % HEAD,
    "kill-tenant": '{%s,%s,"kill_switches":{"tenant":true}}' % (HEAD, PEOPLE),
    "kill-tool": '{%s,%s,"kill_switches":{"servers":["x"],"tools":["crm/delete_record","no/tool"],"clients":["cli\\n"]}}' % (HEAD, PEOPLE),
    "group-cycle": '{%s,"groups":[{"id":"a","parents":["b"]},{"id":"b","parents":["c"]},{"id":"c","parents":["a"]}]}' % HEAD,
    "group-self": '{%s,"groups":[{"id":"a","parents":["a"]}]}' % HEAD,
    "group-ghost": '{%s,"groups":[{"id":"a","parents":["ghost","ghost"]}]}' % HEAD,
    "group-diamonds": "{%s,%s}" % (HEAD, '"groups":' + compact([{"id": f"g{n}", "parents": [f"g{n + 1}", f"h{n + 1}"]} for n in range(20)] + [{"id": f"h{n}", "parents": [f"g{n + 1}", f"h{n + 1}"]} for n in range(20)]) + ',"users":[{"id":"ann","active":true,"groups":["g0"]}],"clients":[{"id":"cli","kind":"ephemeral","state":"active"}]'),
    "manager-self": '{%s,"users":[{"id":"ann","active":true,"manager":"ann"}],"clients":[{"id":"cli","kind":"personal","state":"active"}],"grants":[{"id":"g","to":{"user":"ann"},"entitlement":"crm:admin"}]}' % HEAD,
    "ids-twice": '{%s,"users":[{"id":"a","active":true},{"id":"a","active":false}]}' % HEAD,
    "ids-alike": '{%s,"users":[{"id":"paul","active":true},{"id":"p\u0430ul","active":true}]}' % HEAD,
    "id-empty": '{%s,"users":[{"id":"","active":true}]}' % HEAD,
    "id-control": '{%s,"users":[{"id":"a\\u001b[31m","active":true}]}' % HEAD,
    "id-cedar": '{%s,"users":[{"id":"\\"::Toolgate","active":true}],"clients":[{"id":"/","kind":"service","state":"active"}]}' % HEAD,
    "unknown-field": '{%s,"users":[{"id":"a","active":true,"admin":true}]}' % HEAD,
    "duplicate-key": '{%s,"users":[],"users":[]}' % HEAD,
    "grant-both": '{%s,"grants":[{"id":"g","to":{"user":"a"},"entitlement":"e","profile":"p"}]}' % HEAD,
    "grant-to-two": '{%s,"grants":[{"id":"g","to":{"user":"a","group":"b"},"entitlement":"e"}]}' % HEAD,
    "grant-backwards": '{%s,"grants":[{"id":"g","to":{"user":"a"},"entitlement":"e","from":"2026-11-20T09:00:00Z","until":"2026-11-20T09:00:00Z"}]}' % HEAD,
    "time-first": '{"version":1,"issued_at":"-009999-01-02T01:59:59Z","max_age":"PT24H",%s}' % PEOPLE,
    "time-last": '{"version":18446744073709551615,"issued_at":"9999-12-30T22:00:00.999999999Z","max_age":"P100000D",%s}' % PEOPLE,
    "time-1969": '{"version":1,"issued_at":"1969-12-31T23:59:59.9991Z","max_age":"PT0.000000001S",%s}' % PEOPLE,
    "age-long": '{"version":1,"issued_at":"2026-11-20T09:00:00Z","max_age":"P7304484D",%s}' % PEOPLE,
    "age-wrong": '{"version":1,"issued_at":"2026-11-20T09:00:00Z","max_age":"P1M"}',
    "version-wrong": '{"version":-1,"issued_at":"2026-11-20T09:00:00Z","max_age":"PT24H"}',
    "deep": '{%s,"users":%s}' % (HEAD, nested(40)),
}
LINES = {
    "least": '{"kind":"snapshot",%s}\n' % HEAD,
    "people": '{"kind":"snapshot",%s}\r\n\n{"kind":"user","id":"ann","active":true}\n{"kind":"client","id":"cli","client_kind":"personal","state":"active"}\n' % HEAD,
    "kill": '{"kind":"kill_switches","tenant":true}\n{"kind":"snapshot",%s}\n{"kind":"group","id":"a"}' % HEAD,
    "kind-twice": '{"kind":"snapshot",%s}\n{"kind":"client","id":"cli","kind":"personal","state":"active"}\n' % HEAD,
    "approval": '{"kind":"snapshot",%s}\n{"kind":"approval","approval_kind":"self","id":"a","by":"ann","subject":{"user":"ann","client":"cli"},"scope":{"call":"sha256:00"},"from":"2026-11-20T09:00:00Z","until":"2026-11-20T10:00:00Z"}' % HEAD,
    "head-twice": '{"kind":"snapshot",%s}\n{"kind":"snapshot",%s}\n' % (HEAD, HEAD),
    "head-absent": '{"kind":"user","id":"ann","active":true}\n',
    "head-with-users": '{"kind":"snapshot",%s,"users":[{"id":"ann","active":true}]}\n{"kind":"user","id":"ann","active":true}\n' % HEAD,
    "kind-unknown": '{"kind":"admin","id":"ann"}\n',
    "kind-absent": '{"id":"ann"}\n',
    "line-cut": '{"kind":"snapshot",\n%s}\n' % HEAD,
    "line-array": "[]\n",
}

# calls
CALLS = {
    "subject-both": '{"subject":{"user":"alice","client":"cursor","service_principal":"soc-triage"},"tool":"crm/search_records","now":"2026-11-20T10:00:00Z"}',
    "subject-odd": '{"subject":{"user":"alice\\n\\u001b[31m","client":"cur/sor"},"tool":"crm/\\u0007","now":"2026-11-20T10:00:00Z"}',
    "subject-joined": '{"subject":{"user":"alice/claude-code","client":""},"tool":"crm/search_records","now":"2026-11-20T10:00:00Z"}',
    "tool-no-slash": '{"subject":{"user":"alice","client":"cursor"},"tool":"crm","now":"2026-11-20T10:00:00Z"}',
    "tool-case": '{"subject":{"user":"alice","client":"cursor"},"tool":"CRM/search_records","now":"2026-11-20T10:00:00Z"}',
    "tool-slash": '{"subject":{"user":"alice","client":"cursor"},"tool":"crm//search_records","now":"2026-11-20T10:00:00Z"}',
    "tool-unapproved": '{"subject":{"user":"alice","client":"cursor"},"tool":"web/submit_form","now":"2026-11-20T10:00:00Z"}',
    "session-absent": '{"subject":{"user":"alice","client":"claude-code"},"tool":"mail/send_message","now":"2026-11-20T10:00:00Z","arguments":{"to":["a@b.example"],"subject":"s","body":"b"}}',
    "session-ahead": '{"subject":{"user":"frank","client":"cursor"},"tool":"codehost/merge_pull_request","session":{"authenticated_at":"2026-11-20T14:50:00Z","acr":"phr","labels":[]},"now":"2026-11-20T14:40:00Z","arguments":{"repo":"shop","number":88,"method":"squash"}}',
    "session-calls": '{"subject":{"user":"alice","client":"cursor"},"tool":"crm/search_records","session":{"calls":18446744073709551615,"labels":["","private-data"]},"now":"2026-11-20T10:00:00Z"}',
    "channel": '{"subject":{"user":"alice","client":"cursor"},"tool":"crm/search_records","channel":"chat","now":"2026-11-20T10:00:00Z"}',
    "now-first": '{"subject":{"user":"alice","client":"cursor"},"tool":"crm/search_records","now":"-009999-01-02T01:59:59Z"}',
    "now-last": '{"subject":{"user":"alice","client":"cursor"},"tool":"crm/search_records","now":"9999-12-30T22:00:00.999999999Z"}',
    "now-edge": '{"subject":{"user":"alice","client":"claude-code"},"tool":"crm/update_record","now":"2026-11-20T10:59:59.999999999Z","arguments":{"object":"contact","record_id":"1","field":"f","value":"v"},"session":{"labels":[]}}',
    "now-skew": '{"subject":{"user":"alice","client":"cursor"},"tool":"crm/search_records","now":"2026-11-20T08:59:00Z"}',
    "now-leap": '{"subject":{"user":"alice","client":"cursor"},"tool":"crm/search_records","now":"2026-12-31T23:59:60Z"}',
    "unknown-field": '{"subject":{"user":"alice","client":"cursor"},"tool":"crm/search_records","now":"2026-11-20T10:00:00Z","admin":true}',
    "amount-as-text": CALL % '{"invoice_id":"i","amount":"75000","currency":"EUR"}',
    "amount-as-float": CALL % '{"invoice_id":"i","amount":75000.0,"currency":"EUR"}',
    "amount-exponent": CALL % '{"invoice_id":"i","amount":75e3,"currency":"EUR"}',
    "amount-2-63": CALL % '{"invoice_id":"i","amount":9223372036854775808,"currency":"EUR"}',
    "amount-null": CALL % '{"invoice_id":"i","amount":null,"currency":"EUR"}',
    "amount-minus-zero": CALL % '{"invoice_id":"i","amount":-0,"currency":"EUR"}',
    "argument-unknown": CALL % '{"invoice_id":"i","amount":1,"currency":"EUR","note\\n\\u001b":"x"}',
    "argument-entity": CALL % '{"invoice_id":{"__entity":{"type":"Toolgate::User","id":"olga"}},"amount":1,"currency":"EUR"}',
    "argument-extension": CALL % '{"invoice_id":"i","amount":{"__extn":{"fn":"decimal","arg":"1.0"}},"currency":"EUR"}',
    "arguments-deep": CALL % ('{"a":' * 31 + "1" + "}" * 31),
    "arguments-array": CALL % "[]",
    "arguments-twice": CALL % '{"amount":1},"arguments":{"amount":2}',
    "enum-case": CALL % '{"invoice_id":"i","amount":1,"currency":"eur"}',
}


def main():
    for old in (FUZZ / "corpus").glob("*/*"):
        old.unlink()
    for name, text in HOSTILE.items():
        seed("reader", name, text)

    catalog = sorted((ACME / "catalog").glob("*.json"))
    for file in catalog:
        seed("tools_list", f"acme-{file.stem}", compact(json.loads(file.read_text())))
    for number, (name, schema) in enumerate(SCHEMAS.items()):
        arguments = ARGUMENTS[number % len(ARGUMENTS)]
        seed("tools_list", f"schema-{name}", f'[{{"name":"a","inputSchema":{schema}}}]\x1e{arguments}')
    for number, arguments in enumerate(ARGUMENTS):
        seed("tools_list", f"arguments-{number}", f'[{{"name":"a","inputSchema":{SCHEMAS["all-types"]}}},{{"name":"b"}}]\x1e{arguments}')
    for name, text in LISTS.items():
        seed("tools_list", f"list-{name}", text)

    acme = json.loads((ACME / "snapshot.json").read_text())
    seed("snapshot", "acme", "0" + compact(acme))
    lists = {"service_principals": "service_principal", "entitlements": "entitlement"}
    lines = [{"kind": "snapshot"} | {key: acme[key] for key in ("version", "issued_at", "max_age")}]
    for key, value in acme.items():
        if isinstance(value, list):
            kind = lists.get(key, key[:-1])
            lines += [{"kind": kind} | {f"{kind}_kind" if k == "kind" else k: v for k, v in item.items()} for item in value]
    seed("snapshot", "acme-lines", "1" + "\n".join(map(compact, lines)))
    for name, text in SNAPSHOTS.items():
        seed("snapshot", name, "0" + text)
    for name, text in LINES.items():
        seed("snapshot", f"lines-{name}", "1" + text)

    calls = (ACME / "calls.jsonl").read_text().splitlines()
    tools = sorted(f"{file.stem}/{tool['name']}" for file in catalog for tool in tools_of(json.loads(file.read_text())))
    subjects = ["alice", "bob", "carol", "frank", "olga", "paul", "soc-triage"]
    labels = ["private-data", "untrusted-content", "secrets", "external-sink"]
    for number, line in enumerate(calls, 1):
        call = json.loads(line)
        seed("decide", f"acme-{number:02}", compact(call))
        subject = call["subject"].get("user") or call["subject"]["service_principal"]
        if call["tool"] in tools and subject in subjects:
            session = call["session"]
            mask = sum(1 << bit for bit, label in enumerate(labels) if label in session["labels"])
            hour = int(call["now"][11:13])
            chosen = [ord("!"), subjects.index(subject), tools.index(call["tool"]), 0, hour * 11, mask, session["calls"], 0]
            seed("decide", f"short-{number:02}", bytes(chosen) + compact(call["arguments"]).encode())
    for name, text in CALLS.items():
        seed("decide", name, text)


def tools_of(document):
    if isinstance(document, list):
        return document
    return document.get("tools") or document["result"]["tools"]


main()

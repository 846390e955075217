local function unit_bits(buffer, one)
  local at = one.at >= 0 and one.at or buffer:len() + one.at
  local range = buffer(at, one.size)
  local number = one.little and range:le_uint() or (not one.little and range:uint())
  return math.floor(number / 2 ^ one.shift) % 2 ^ one.width
end

local function unit_stop(buffer, span)
  if span.bits then return span.start + unit_bits(buffer, span.bits) end
  return span.size and span.start + span.size or buffer:len() - span.after
end

local function fits(buffer, rule)
  if rule.k == "one of" then return rule.values[unit_bits(buffer, rule.number)] or false end
  if rule.k == "size" then return unit_bits(buffer, rule.number) + rule.surplus == buffer:len() end
  if rule.k == "zero" then
    local first, past_end = unit_stop(buffer, rule.carried), buffer:len() - rule.after
    if first > past_end then return false end
    for index = first, past_end - 1 do if buffer(index, 1):uint() ~= 0 then return false end end
    return true
  end
  if rule.k == "sum" then
    local total = 0
    for _, term in ipairs(rule.terms) do total = total + unit_bits(buffer, term) end
    return unit_bits(buffer, rule.number) == total % 2 ^ rule.number.width
  end
  local stop = unit_stop(buffer, rule.over)
  if stop < rule.over.start or stop > buffer:len() then return false end
  local found = rule.checksum(buffer:bytes(), rule.over.start, stop)
  return unit_bits(buffer, rule.number) == found % 2 ^ rule.number.width
end

local function fits_all(buffer, form)
  if buffer:len() < form.sizes[1] or buffer:len() > form.sizes[2] then return false end
  for _, rule in ipairs(form.rules) do if not fits(buffer, rule) then return false end end
  for _, part in ipairs(form.payload) do
    if part.k == "bytes" and unit_stop(buffer, part.span) > buffer:len() then return false end
  end
  return true
end

-- The form of a unit; nil where it has none.
local function form_of(buffer, sender)
  for _, form in ipairs(FORMS[sender] or {}) do if fits_all(buffer, form) then return form end end
  return nil
end

-- The payload of a unit as bytes of their own: parts of it may be bits.
local function carried(buffer, form)
  local parts = {}
  for _, part in ipairs(form.payload) do
    if part.k == "byte" then parts[#parts + 1] = string.format("%02x", part.value)
    elseif part.k == "bits" then parts[#parts + 1] = string.format("%02x", unit_bits(buffer, part.number))
    elseif part.k == "lookup" then
      parts[#parts + 1] = string.format("%02x", part.values[unit_bits(buffer, part.number)])
    else
      local size = unit_stop(buffer, part.span) - part.span.start
      if size > 0 then parts[#parts + 1] = buffer(part.span.start, size):bytes():tohex(true) end
    end
  end
  return ByteArray.new(table.concat(parts)):tvb("Payload")
end

local packets = DissectorTable.get("wtap_encap")
-- Another dialect's dissector may be there; what has none of our forms is its to read.
local other = packets:get_dissector(wtap.USER0)
if other and not tostring(other):lower():find("lensmount", 1, true) then other = nil end

function proto.dissector(buffer, pinfo, tree)
  local sender = sender_of()
  local form = form_of(buffer, sender)
  if not form and other then return other:call(buffer, pinfo, tree) end
  pinfo.cols.protocol = $dialect_text
  local parts, range = {}, buffer()
  if form then
    local sequence = form.sequence and unit_bits(buffer, form.sequence) or 0
    local branch = tree:add(proto, range)
    branch:add(f.frame, range)
    branch:add(f.sender, range, sender):set_generated()
    branch:add(f.class, range, form.class):set_generated()
    if form.sequence then branch:add(f.sequence, range, sequence):set_generated() end
    branch:append_text(string.format(", %s", form.name))
    local payload = carried(buffer, form)
    local under, position = branch:add(f.payload, payload()), 0
    local texts = { string.format("%d.%d", form.class, sequence) }
    while position < payload:len() do
      position, texts[#texts + 1] = add_message(payload, under, sender, position, payload:len(), parts)
    end
    branch:add(f.text, range, "@0 " .. table.concat(texts, " ")):set_generated()
  elseif buffer:len() > 0 then
    tree:add(proto, range):add(f.garbage, range)
    parts[1] = string.format("%d bytes that are no unit", buffer:len())
  end
  local arrow = sender == "body" and "body -> lens  " or sender == "lens" and "lens -> body  " or ""
  pinfo.cols.info = arrow .. table.concat(parts, ", ")
  return buffer:len()
end


local function constants_match(buffer, base, constants)
  for _, part in ipairs(constants) do
    if number(buffer, base + part.at, part) ~= part.value then return false end
  end
  return true
end

-- Judges the bytes at `at`: the size of the frame, and whether it is valid; nil where they have not the form of one.
local function judge(buffer, sender, at)
  local left = buffer:len() - at
  if left < HEADER_SIZE or buffer(at, 1):uint() ~= START then return nil end
  local size = number(buffer, at + LENGTH.at, LENGTH) + SURPLUS
  local smallest = SMALLEST[sender] or math.min(SMALLEST.body, SMALLEST.lens)
  local largest = LARGEST[sender] or math.max(LARGEST.body, LARGEST.lens)
  if size < smallest or size > largest or size > left then return nil end
  local past_end = at + size - TAIL
  if not constants_match(buffer, at, HEAD_CONSTANTS) then return nil end
  if not constants_match(buffer, past_end, TAIL_CONSTANTS) then return nil end
  local found = number(buffer, past_end + CHECKSUM.at, CHECKSUM)
  local sum_ok = checksum(buffer(at, size):bytes(), CHECKED_FROM, size - TAIL) == found
  local classes = CLASSES and CLASSES[sender]
  local class_ok = not classes or classes[number(buffer, at + CLASS.at, CLASS)] or false
  return size, sum_ok, class_ok
end

-- Adds the frame at `at`, which `judge` gave the rest of.
local function add_frame(buffer, tree, sender, at, parts, size, sum_ok, class_ok)
  local past_end = at + size - TAIL
  local class = CLASS and number(buffer, at + CLASS.at, CLASS) or 0
  local sequence = SEQUENCE and number(buffer, at + SEQUENCE.at, SEQUENCE) or 0
  local range = buffer(at, size)
  local branch = tree:add(proto, range)
  branch:add(f.frame, range)
  if sender then branch:add(f.sender, range, sender):set_generated() end
  branch:add(f.length, buffer(at + LENGTH.at, LENGTH.size), size - SURPLUS)
  if CLASS then branch:add(f.class, buffer(at + CLASS.at, CLASS.size), class) end
  if SEQUENCE then branch:add(f.sequence, buffer(at + SEQUENCE.at, SEQUENCE.size), sequence) end
  branch:append_text(string.format(", class %d, sequence %d", class, sequence))
  local sum_range = buffer(past_end + CHECKSUM.at, CHECKSUM.size)
  local found = number(buffer, past_end + CHECKSUM.at, CHECKSUM)
  branch:add(f.checksum, sum_range, found)
  if not sum_ok then
    branch:add(f.badsum, sum_range, true):set_generated()
    branch:add_proto_expert_info(bad)
    parts[#parts + 1] = "WRONG CHECKSUM"
  end
  if not class_ok then
    parts[#parts + 1] = string.format("UNKNOWN CLASS %d", class)
  end
  local payload = branch:add(f.payload, buffer(at + PAYLOAD_AT, past_end - at - PAYLOAD_AT))
  local position, texts = at + PAYLOAD_AT, { string.format("%d.%d", class, sequence) }
  while position < past_end do
    position, texts[#texts + 1] = add_message(buffer, payload, sender, position, past_end, parts)
  end
  local text = table.concat(texts, " ")
  local valid = sum_ok and class_ok
  text = valid and string.format("@%d %s", at, text) or "invalid " .. text
  branch:add(f.text, range, text):set_generated()
end

-- Adds bytes that are no valid frame: a frame with a wrong checksum or class, padding, or garbage.
local function add_rest(buffer, tree, sender, at, past_end, parts)
  local size, sum_ok, class_ok = judge(buffer, sender, at)
  if size and at + size <= past_end then
    add_frame(buffer, tree, sender, at, parts, size, sum_ok, class_ok)
    return at + size
  end
  local rest = buffer(at, past_end - at)
  local zero = true
  for index = 0, rest:len() - 1 do zero = zero and rest:bytes():get_index(index) == 0 end
  tree:add(proto, rest):add((zero and at > 0) and f.padding or f.garbage, rest)
  if not zero or at == 0 then parts[#parts + 1] = string.format("%d bytes in no frame", rest:len()) end
  return past_end
end

local packets = DissectorTable.get("wtap_encap")
-- Another dialect's dissector may be there; what does not begin like our frames is its to read.
local other = packets:get_dissector(wtap.USER0)
if other and not tostring(other):lower():find("lensmount", 1, true) then other = nil end

function proto.dissector(buffer, pinfo, tree)
  if buffer:len() > 0 and buffer(0, 1):uint() ~= START and other then return other:call(buffer, pinfo, tree) end
  local sender = sender_of()
  pinfo.cols.protocol = $dialect_text
  local parts, at = {}, 0
  while at < buffer:len() do
    local size, sum_ok, class_ok = judge(buffer, sender, at)
    if size and sum_ok and class_ok then
      add_frame(buffer, tree, sender, at, parts, size, true, true)
      at = at + size
    else
      -- Damage ends where the next valid frame begins.
      local past_end = at + 1
      while past_end < buffer:len() do
        local next_size, next_sum, next_class = judge(buffer, sender, past_end)
        if next_size and next_sum and next_class then break end
        past_end = past_end + 1
      end
      while at < past_end do at = add_rest(buffer, tree, sender, at, past_end, parts) end
    end
  end
  local arrow = sender == "body" and "body -> lens  " or sender == "lens" and "lens -> body  " or ""
  pinfo.cols.info = arrow .. table.concat(parts, ", ")
  return buffer:len()
end


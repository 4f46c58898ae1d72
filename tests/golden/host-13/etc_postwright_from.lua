-- Made by postwright; changes here are replaced by the next apply.
-- Run by OpenDKIM when it has all of a message, before it signs: nobody's mail is signed for a domain that is not his.
-- Who logged in is asked of Postfix, who may send as whom is read from the table Postfix itself uses. What fails here
-- makes the client come again.
local login = odkim.get_mtasymbol(ctx, "{auth_authen}")
local submitted = odkim.get_mtasymbol(ctx, "{daemon_name}") == "ORIGINATING"

local function refuse(text)
    odkim.set_reply(ctx, "550", "5.7.1", (text:gsub("[^%w@._+,: -]", "?")))
    odkim.set_result(ctx, SMFIS_REJECT)
end

-- Whether it is the login's; of what the table says of it, "@domain" or "user@domain". No user: any of the domain.
local function owns(user, domain)
    for line in io.lines("/etc/postfix/senders") do
        local sender, logins = line:match("^(%S+) (%S+)$")
        if sender and ("," .. logins .. ","):find("," .. login .. ",", 1, true) then
            sender = sender:lower()
            if sender:match("@(.*)$") == domain then return true end
        end
    end
    return false
end

if submitted then
    local field = odkim.get_header(ctx, "From", 0) or ""
    local user = (odkim.parse_field(field) or ""):lower()
    local domain = (odkim.get_fromdomain(ctx) or ""):lower()
    if odkim.get_header(ctx, "From", 1) then
        refuse("the message has more than one From header")
    elseif login and login ~= "" then
        if not owns(user, domain) then
            refuse("From: not owned by user " .. login .. ": " .. user .. "@" .. domain)
        end
    -- A client with a certificate; Postfix has made sure that the envelope's sender is its own.
    elseif (odkim.get_envfrom(ctx) or ""):lower():match("@([^>@]*)>?$") ~= domain then
        refuse("From: with a certificate its domain must be that of the sender in the envelope, not " .. domain)
    end
end

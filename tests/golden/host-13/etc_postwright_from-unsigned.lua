-- Made by postwright; changes here are replaced by the next apply.
-- Run by OpenDKIM when it has the headers of a message. Of what it does not sign it never asks from.lua: what nobody may say
-- in From is refused here, without a text, for at this point a script cannot give one. It stands in the log.
local login = odkim.get_mtasymbol(ctx, "{auth_authen}")
local submitted = odkim.get_mtasymbol(ctx, "{daemon_name}") == "ORIGINATING"
local domain = (odkim.get_fromdomain(ctx) or ""):lower()

local function refuse(text)
    odkim.log(ctx, (text:gsub("[^%w@._+,: -]", "?")))
    odkim.set_result(ctx, SMFIS_REJECT)
end

-- Whether mail of it is signed here, and so looked at by from.lua.
local function signed()
    for line in io.lines("/etc/postwright/dkim/SigningTable") do
        if line:match("^([^#%s]%S*) ") == domain then return true end
    end
    return false
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

if submitted and not signed() then
    if odkim.get_header(ctx, "From", 1) then
        refuse("the message has more than one From header")
    elseif login and login ~= "" then
        if not owns(nil, domain) then refuse("From: not owned by user " .. login .. ": domain " .. domain) end
    elseif (odkim.get_envfrom(ctx) or ""):lower():match("@([^>@]*)>?$") ~= domain then
        refuse("From: with a certificate its domain must be that of the sender in the envelope, not " .. domain)
    end
end

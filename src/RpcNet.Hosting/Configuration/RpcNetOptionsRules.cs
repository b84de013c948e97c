using System.Globalization;
using System.Net;
using Microsoft.Extensions.Options;
using RpcNet.Cluster;

namespace RpcNet.Hosting.Configuration;

/// <summary>The ranges of the options and the rules across their fields.</summary>
internal sealed class RpcNetOptionsRules
{
    private const string EndPointForm = "must be \"host:port\", such as \"127.0.0.1:61000\" or \"[::1]:61000\"";

    private readonly List<string> _complaints = [];
    private readonly string _section;

    private RpcNetOptionsRules(string section) => _section = section;

    public static IReadOnlyList<string> Check(RpcNetOptions o, RpcNetRegistration registration, string section)
    {
        var rules = new RpcNetOptionsRules(section);
        rules.CheckDirector(o);
        rules.CheckListen(o.Listen, "Listen", NeedOfAPort(registration));
        rules.CheckTransport(o.Transport);
        rules.CheckCertificates(o.Certificates);
        rules.CheckServer(o.Server, "Server");
        rules.CheckCompression(o.Compression);
        rules.CheckServers(o, registration);
        rules.CheckNames(o.Clients.Keys, "Clients", "client", registration.Clients.Select(static c => c.Name));
        if (registration.HasCluster)
        {
            rules._complaints.AddRange(o.Cluster.Validate().Select(c => c.Replace(ClusterOptions.SectionName, $"{section}:Cluster", StringComparison.Ordinal)));
            rules._complaints.AddRange(o.Cluster.Workers.Validate($"{section}:Cluster:Workers"));
            rules._complaints.AddRange(o.Cluster.Pool.Validate($"{section}:Cluster:Pool"));
            rules._complaints.AddRange(o.Cluster.Load.Validate($"{section}:Cluster:Load"));
        }

        return rules._complaints;
    }

    public static IReadOnlyList<string> Check(RpcClientOptions o, string name, RpcNetRegistration registration, string section)
    {
        var rules = new RpcNetOptionsRules(section);
        var key = $"Clients:{name}";
        var byTags = string.IsNullOrEmpty(o.Director) && !string.IsNullOrEmpty(o.Cluster.Tags);
        var targets = new[] { !string.IsNullOrEmpty(o.Address), !string.IsNullOrEmpty(o.Director), byTags }.Count(static t => t);
        if (targets != 1)
        {
            rules._complaints.Add(
                $"{section}:{key}: needs exactly one target and has {targets}; set one of Address, Director and Cluster:Tags, in "
                + "configuration or in AddRpcClient.");
        }

        if (!string.IsNullOrEmpty(o.Address) && !IsTarget(o.Address))
        {
            rules.Complain($"{key}:Address", o.Address, EndPointForm);
        }

        if (!string.IsNullOrEmpty(o.Director) && !IsTarget(o.Director))
        {
            rules.Complain($"{key}:Director", o.Director, EndPointForm);
        }

        if (byTags && !registration.HasCluster)
        {
            rules.Complain(
                $"{key}:Cluster:Tags", o.Cluster.Tags, "needs AddCluster: only a member knows the others. Call AddCluster, or set Director instead");
        }

        rules._complaints.AddRange(o.Cluster.Validate($"{section}:{key}:Cluster"));
        rules.CheckRanges(new ClientValidator(), o, key);
        rules.CheckIdentity(o.Certificate, $"{key}:Certificate");
        return rules._complaints;
    }

    private static string? NeedOfAPort(RpcNetRegistration registration) => registration switch
    {
        { HasCluster: true } => "this process is a member of a cluster (AddCluster)",
        { Server.HasServices: true } => "this process serves calls (AddService or Map)",
        _ => null,
    };

    private static bool IsTarget(string text) => ClusterOptions.ParseEndPoint(text) switch
    {
        IPEndPoint { Port: > 0 } => true,
        DnsEndPoint { Port: > 0 } => true,
        _ => false,
    };

    private void CheckDirector(RpcNetOptions o)
    {
        if (!string.IsNullOrEmpty(o.Director) && !IsTarget(o.Director))
        {
            Complain("Director", o.Director, EndPointForm);
        }
    }

    private void CheckServers(RpcNetOptions o, RpcNetRegistration registration)
    {
        CheckNames(o.Servers.Keys, "Servers", "server", registration.Servers.Keys);
        foreach (var (name, server) in o.Servers.Where(s => registration.Servers.ContainsKey(s.Key)))
        {
            CheckListen(server.Listen, $"Servers:{name}:Listen", $"AddRpcNet(\"{name}\") adds a server");
            CheckServer(server.Server, $"Servers:{name}:Server");
            CheckServerIdentities(server.Certificates, $"Servers:{name}:Certificates");
        }

        var addresses = o.Servers.Where(s => registration.Servers.ContainsKey(s.Key))
            .Select(static s => (Key: $"Servers:{s.Key}:Listen:Address", s.Value.Listen.Address))
            .Prepend((Key: "Listen:Address", Address: registration.HasServer ? o.Listen.Address : ""))
            .Where(static a => ClusterOptions.ParseEndPoint(a.Address) is IPEndPoint { Port: > 0 } or DnsEndPoint { Port: > 0 });
        foreach (var same in addresses.GroupBy(static a => a.Address, StringComparer.OrdinalIgnoreCase).Where(static g => g.Count() > 1))
        {
            Complain(same.Last().Key, same.Key, $"is {_section}:{same.First().Key} too; every server needs a port of its own");
        }
    }

    /// <summary>Names in the configuration that the application does not have.</summary>
    private void CheckNames(IEnumerable<string> configured, string section, string kind, IEnumerable<string> present)
    {
        var names = present.Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        foreach (var name in configured.Except(names, StringComparer.OrdinalIgnoreCase))
        {
            _complaints.Add(names.Count == 0
                ? $"{_section}:{section}:{name}: this application has no {kind}s of that sort; add it in code or take the section out."
                : $"{_section}:{section}:{name}: this application has no such {kind}; it has {string.Join(", ", names)}.");
        }
    }

    private void CheckListen(RpcNetListenOptions o, string key, string? need)
    {
        if (o.Address is { Length: > 0 } address)
        {
            if (ClusterOptions.ParseEndPoint(address) is null)
            {
                Complain($"{key}:Address", address, need is null ? $"{EndPointForm}, or empty for a process that only calls" : EndPointForm);
            }
        }
        else if (need is not null)
        {
            _complaints.Add($"{_section}:{key}:Address = '': must be set, such as to \"127.0.0.1:61000\", since {need}.");
        }

        CheckRanges(new ListenValidator(), o, key);
    }

    private void CheckTransport(RpcNetTransportOptions o)
    {
        CheckRanges(new TransportValidator(), o, "Transport");
        if (!Enum.IsDefined(o.Engine))
        {
            Complain("Transport:Engine", o.Engine, "must be Auto, SystemNetQuic or Ngtcp2");
        }

        if (o.KeepAliveInterval >= o.IdleTimeout)
        {
            Complain("Transport:KeepAliveInterval", o.KeepAliveInterval, $"must be shorter than {_section}:Transport:IdleTimeout = '{Text(o.IdleTimeout)}'");
        }

        if (!Enum.IsDefined(o.Ngtcp2.CongestionControl))
        {
            Complain("Transport:Ngtcp2:CongestionControl", o.Ngtcp2.CongestionControl, "must be Auto, Cubic, Reno or Bbr");
        }

        if (!Enum.IsDefined(o.Ngtcp2.Retry))
        {
            Complain("Transport:Ngtcp2:Retry", o.Ngtcp2.Retry, "must be UnderLoad, Always or Never");
        }

        CheckRanges(new Ngtcp2Validator(), o.Ngtcp2, "Transport:Ngtcp2");
        if (o.Ngtcp2.KeyUpdateBytes is > 0 and < 64 << 10)
        {
            Complain("Transport:Ngtcp2:KeyUpdateBytes", o.Ngtcp2.KeyUpdateBytes, "must be 0 or at least 65536");
        }

        if (o.Ngtcp2 is { AcceptEarlyData: true, SessionTickets: false })
        {
            Complain("Transport:Ngtcp2:AcceptEarlyData", o.Ngtcp2.AcceptEarlyData, $"needs {_section}:Transport:Ngtcp2:SessionTickets = 'True'");
        }

        if (o.ConnectionReceiveWindow < o.StreamReceiveWindow)
        {
            Complain(
                "Transport:ConnectionReceiveWindow", o.ConnectionReceiveWindow,
                $"must be at least {_section}:Transport:StreamReceiveWindow = '{Text(o.StreamReceiveWindow)}'");
        }
    }

    private void CheckCertificates(RpcNetCertificateOptions o)
    {
        CheckServerIdentities(o, "Certificates");
        CheckIdentity(o.Client, "Certificates:Client");
        CheckIdentity(o.Cluster, "Certificates:Cluster");
        CheckRanges(new CertificateValidator(), o, "Certificates");
        if (string.IsNullOrWhiteSpace(o.DevelopmentDirectory))
        {
            Complain("Certificates:DevelopmentDirectory", o.DevelopmentDirectory, "must be a path, such as \"certs\"");
        }
    }

    private void CheckServerIdentities(RpcNetServerCertificateOptions o, string key)
    {
        CheckIdentity(o, key);
        foreach (var (name, identity) in o.Names)
        {
            CheckIdentity(identity, $"{key}:Names:{name}");
            if (!identity.IsSet)
            {
                _complaints.Add($"{_section}:{key}:Names:{name}: needs Path and KeyPath, PfxPath, or Store.");
            }
        }
    }

    private void CheckIdentity(RpcNetIdentityOptions o, string key)
    {
        if (!string.IsNullOrEmpty(o.Path) && !string.IsNullOrEmpty(o.PfxPath))
        {
            Complain($"{key}:PfxPath", o.PfxPath, $"contradicts {_section}:{key}:Path = '{o.Path}'; set one of them");
        }
        else if (!string.IsNullOrEmpty(o.KeyPath) && string.IsNullOrEmpty(o.Path))
        {
            Complain($"{key}:KeyPath", o.KeyPath, $"needs {_section}:{key}:Path, the certificate that the key belongs to");
        }

        if (o.HasFiles && o.Store.IsSet)
        {
            var (name, value) = o.Store.Thumbprint is { Length: > 0 } thumbprint ? ("Thumbprint", thumbprint) : ("Subject", o.Store.Subject);
            Complain($"{key}:Store:{name}", value, $"contradicts {_section}:{key}:{(o.PfxPath is { Length: > 0 } ? "PfxPath" : "Path")}; set one of them");
        }

        if (o.GetCallback() is not null && (o.HasFiles || o.Store.IsSet))
        {
            _complaints.Add($"{_section}:{key}: code gives this certificate (UseCallback), so neither files nor Store may be set.");
        }

        if (!Enum.IsDefined(o.Store.Location))
        {
            Complain($"{key}:Store:Location", o.Store.Location, "must be CurrentUser or LocalMachine");
        }
    }

    private void CheckServer(RpcNetServerOptions o, string key)
    {
        CheckRanges(new ServerValidator(), o, key);
        CheckRanges(new LimitsValidator(), o.Limits, $"{key}:Limits");
        if (o.Limits.InlinePayloadBytes > o.Limits.MessageBytes)
        {
            Complain(
                $"{key}:Limits:InlinePayloadBytes", o.Limits.InlinePayloadBytes,
                $"must not exceed {_section}:{key}:Limits:MessageBytes = '{Text(o.Limits.MessageBytes)}'");
        }
    }

    private void CheckCompression(RpcNetCompressionOptions o)
    {
        CheckRanges(new CompressionValidator(), o, "Compression");
        if (!Enum.IsDefined(o.Algorithm))
        {
            Complain("Compression:Algorithm", o.Algorithm, "must be None or Brotli");
        }
    }

    private void CheckRanges<TOptions>(IValidateOptions<TOptions> validator, TOptions options, string key)
        where TOptions : class =>
        _complaints.AddRange(validator.Validate($"{_section}:{key}", options).Failures ?? []);

    private void Complain(string key, object? value, string rule) =>
        _complaints.Add($"{_section}:{key} = '{Text(value)}': {rule}.");

    private static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty;
}

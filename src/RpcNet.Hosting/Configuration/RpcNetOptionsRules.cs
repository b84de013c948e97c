using System.Globalization;
using System.Net;
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
        rules.CheckListen(o, registration);
        rules.CheckTransport(o.Transport);
        rules.CheckCertificates(o.Certificates);
        rules.CheckServer(o.Server);
        rules.CheckCompression(o.Compression);
        foreach (var name in o.Clients.Keys.Except(registration.Clients.Select(static c => c.Name), StringComparer.OrdinalIgnoreCase))
        {
            rules._complaints.Add(registration.Clients.Count == 0
                ? $"{section}:Clients:{name}: this application has no clients."
                : $"{section}:Clients:{name}: this application has no such client; it has {string.Join(", ", registration.Clients.Select(static c => c.Name).Distinct())}.");
        }

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
        rules.Range(o.Connections, 1, 64, $"{key}:Connections");
        rules.Range(o.ConnectTimeout, Ms(10), Sec(300), $"{key}:ConnectTimeout");
        rules.Range(o.MaxReconnectDelay, Ms(10), Sec(600), $"{key}:MaxReconnectDelay");
        if (o.DefaultTimeout is { } timeout)
        {
            rules.Range(timeout, Ms(1), TimeSpan.FromDays(1), $"{key}:DefaultTimeout");
        }

        return rules._complaints;
    }

    private static bool IsTarget(string text) => ClusterOptions.ParseEndPoint(text) switch
    {
        IPEndPoint { Port: > 0 } => true,
        DnsEndPoint { Port: > 0 } => true,
        _ => false,
    };

    private static TimeSpan Ms(int value) => TimeSpan.FromMilliseconds(value);

    private static TimeSpan Sec(int value) => TimeSpan.FromSeconds(value);

    private void CheckDirector(RpcNetOptions o)
    {
        if (!string.IsNullOrEmpty(o.Director) && !IsTarget(o.Director))
        {
            Complain("Director", o.Director, EndPointForm);
        }
    }

    private void CheckListen(RpcNetOptions o, RpcNetRegistration registration)
    {
        if (o.Listen.Address is { Length: > 0 } address)
        {
            if (ClusterOptions.ParseEndPoint(address) is null)
            {
                Complain("Listen:Address", address, $"{EndPointForm}, or empty for a process that only calls");
            }
        }
        else if (registration.HasCluster || registration.HasServices)
        {
            _complaints.Add(
                $"{_section}:Listen:Address = '': must be set, such as to \"127.0.0.1:61000\", since this process "
                + (registration.HasCluster ? "is a member of a cluster (AddCluster)." : "serves calls (AddService or Map)."));
        }

        Range(o.Listen.Backlog, 1, 65_535, "Listen:Backlog");
    }

    private void CheckTransport(RpcNetTransportOptions o)
    {
        if (!Enum.IsDefined(o.Engine))
        {
            Complain("Transport:Engine", o.Engine, "must be Auto, SystemNetQuic or Ngtcp2");
        }

        Range(o.KeepAliveInterval, Ms(50), Sec(600), "Transport:KeepAliveInterval");
        Range(o.IdleTimeout, Ms(100), Sec(3600), "Transport:IdleTimeout");
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

        Range(o.Ngtcp2.IoThreads, 1, 64, "Transport:Ngtcp2:IoThreads");
        if (o.Ngtcp2.KeyUpdateBytes is not 0 and < 64 << 10)
        {
            Complain("Transport:Ngtcp2:KeyUpdateBytes", o.Ngtcp2.KeyUpdateBytes, "must be 0 or at least 65536");
        }

        Range(o.HandshakeTimeout, Ms(100), Sec(300), "Transport:HandshakeTimeout");
        Range(o.StreamReceiveWindow, 16 << 10, 1 << 30, "Transport:StreamReceiveWindow");
        Range(o.ConnectionReceiveWindow, 16 << 10, int.MaxValue, "Transport:ConnectionReceiveWindow");
        if (o.ConnectionReceiveWindow < o.StreamReceiveWindow)
        {
            Complain(
                "Transport:ConnectionReceiveWindow", o.ConnectionReceiveWindow,
                $"must be at least {_section}:Transport:StreamReceiveWindow = '{Text(o.StreamReceiveWindow)}'");
        }
    }

    private void CheckCertificates(RpcNetCertificateOptions o)
    {
        CheckIdentity(o, "Certificates");
        CheckIdentity(o.Client, "Certificates:Client");
        CheckIdentity(o.Cluster, "Certificates:Cluster");
        foreach (var (name, identity) in o.Names)
        {
            CheckIdentity(identity, $"Certificates:Names:{name}");
            if (!identity.IsSet)
            {
                _complaints.Add($"{_section}:Certificates:Names:{name}: needs Path and KeyPath, or PfxPath.");
            }
        }

        if (string.IsNullOrWhiteSpace(o.DevelopmentDirectory))
        {
            Complain("Certificates:DevelopmentDirectory", o.DevelopmentDirectory, "must be a path, such as \"certs\"");
        }

        Range(o.ReloadInterval, Ms(100), Sec(5), "Certificates:ReloadInterval");
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
    }

    private void CheckServer(RpcNetServerOptions o)
    {
        Range(o.MaxConcurrentCalls, 1, 10_000_000, "Server:MaxConcurrentCalls");
        Range(o.DrainTimeout, TimeSpan.Zero, Sec(3600), "Server:DrainTimeout");
        Range(o.Limits.InlinePayloadBytes, 0, 1 << 20, "Server:Limits:InlinePayloadBytes");
        Range(o.Limits.MessageBytes, 1024, 1 << 30, "Server:Limits:MessageBytes");
        Range(o.Limits.MetadataBytes, 1024, 60 << 10, "Server:Limits:MetadataBytes");
        Range(o.Limits.CallsPerConnection, 1, 65_536, "Server:Limits:CallsPerConnection");
        Range(o.Limits.LaneQueueBytes, 64 << 10, 64 << 20, "Server:Limits:LaneQueueBytes");
        Range(o.Limits.Lanes, 1, 16, "Server:Limits:Lanes");
        if (o.Limits.InlinePayloadBytes > o.Limits.MessageBytes)
        {
            Complain(
                "Server:Limits:InlinePayloadBytes", o.Limits.InlinePayloadBytes,
                $"must not exceed {_section}:Server:Limits:MessageBytes = '{Text(o.Limits.MessageBytes)}'");
        }
    }

    private void CheckCompression(RpcNetCompressionOptions o)
    {
        if (!Enum.IsDefined(o.Algorithm))
        {
            Complain("Compression:Algorithm", o.Algorithm, "must be None or Brotli");
        }

        Range(o.ThresholdBytes, 64, 1 << 30, "Compression:ThresholdBytes");
        Range(o.Level, 0, 11, "Compression:Level");
    }

    private void Range<T>(T value, T min, T max, string key)
        where T : IComparable<T>
    {
        if (value.CompareTo(min) < 0 || value.CompareTo(max) > 0)
        {
            Complain(key, value, $"must be from {Text(min)} to {Text(max)}");
        }
    }

    private void Complain(string key, object? value, string rule) =>
        _complaints.Add($"{_section}:{key} = '{Text(value)}': {rule}.");

    private static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty;
}

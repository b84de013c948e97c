using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Hosting.Configuration;
using RpcNet.Transports;

namespace RpcNet.Hosting.Certificates;

/// <summary>The certificates of RpcNet:Certificates, read from files and read again when these change.</summary>
internal sealed class RpcCertificates : IRpcCertificates, IAsyncDisposable
{
    private static readonly TimeSpan ExpiryWarning = TimeSpan.FromDays(14);

    private readonly RpcNetCertificateOptions _configured;
    private readonly IHostEnvironment _environment;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private RpcNetCertificateOptions _options;
    private volatile CertificateSet? _set;
    private Dictionary<string, (DateTime, long)> _stamps = [];
    private Task _watching = Task.CompletedTask;
    private bool _serves;
    private bool _member;
    private Task? _disposal;

    public RpcCertificates(RpcNetSettings settings, IHostEnvironment environment, TimeProvider time, ILoggerFactory loggers)
    {
        _configured = _options = settings.Options.Certificates;
        _environment = environment;
        _time = time;
        _logger = loggers.CreateLogger(HostingLog.Category);
        ValidateServer = context => (Current.Roots is { } roots
            ? CertificateValidators.CustomTrust(() => roots)
            : CertificateValidators.SystemTrust)(context);
        ValidateClient = context => Current.ClientRoots is { } roots
            ? CertificateValidators.CustomTrust(() => roots)(context)
            : $"no authority is configured that clients' certificates could chain to ({Key}:TrustedCaPath)";
        ValidateMember = context => (Current.ClusterRoots is { } roots
            ? CertificateValidators.CustomTrust(() => roots)
            : CertificateValidators.SystemTrust)(context);
    }

    public TlsIdentity? ClientIdentity => Current.Client;

    public TlsIdentity? ClusterIdentity => Current.Cluster;

    public bool AllowAnonymousCluster => _configured.Cluster.AllowAnonymous;

    public string? ClusterTargetHost => _configured.Cluster.TargetHost is { Length: > 0 } host ? host : null;

    public PeerCertificateValidator ValidateServer { get; }

    public PeerCertificateValidator? ValidateClient { get => _set?.ClientRoots is null ? null : field; }

    public PeerCertificateValidator ValidateMember { get; }

    private static string Key => $"{RpcNetOptions.SectionName}:Certificates";

    private CertificateSet Current => _set ?? throw new InvalidOperationException("The certificates are not loaded yet: the host has not started.");

    public TlsIdentity? GetServerIdentity(string? serverName) =>
        serverName is not null && Current.Names.TryGetValue(serverName, out var identity) ? identity : Current.Default;

    public async ValueTask LoadAsync(bool serves, bool member, CancellationToken cancellationToken)
    {
        _serves = serves;
        _member = member;
        await UseDevelopmentCertificatesAsync(cancellationToken).ConfigureAwait(false);
        var problems = Missing();
        var stamps = Stamps();
        var set = Read(problems);
        if (set is { Default: { } identity } && !_environment.IsDevelopment()
            && identity.Certificate.Issuer == DevelopmentCertificates.AuthorityName)
        {
            problems.Add(
                $"{Key}:Path = '{_options.Path ?? _options.PfxPath}': this is a development certificate, whose authority's key lies beside it; "
                + $"the environment is '{_environment.EnvironmentName}' and needs one of your own authority.");
        }

        if (problems.Count > 0)
        {
            throw new RpcNetStartupException(problems);
        }

        _stamps = stamps;
        _set = set;
        if (member && AllowAnonymousCluster)
        {
            HostingLog.AnonymousCluster(_logger, $"{Key}:Cluster:AllowAnonymous");
        }

        WarnOfExpiry();
        _watching = WatchAsync();
    }

    public ValueTask DisposeAsync()
    {
        lock (_stop)
        {
            _disposal ??= StopAsync();
        }

        return new ValueTask(_disposal);
    }

    private async Task StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        _stop.Dispose();
    }

    /// <summary>In Development, for whatever is not configured.</summary>
    private async Task UseDevelopmentCertificatesAsync(CancellationToken cancellationToken)
    {
        if (!_environment.IsDevelopment() || _configured.IsSet || _configured.TrustedCaPath is { Length: > 0 })
        {
            return;
        }

        var made = new DevelopmentCertificates(
            CertificateFiles.Resolve(_environment.ContentRootPath, _configured.DevelopmentDirectory), _time, _logger);
        try
        {
            await made.EnsureAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RpcNetStartupException(
                $"{Key}:DevelopmentDirectory = '{_configured.DevelopmentDirectory}': development certificates cannot be made there "
                + $"({e.Message.TrimEnd('.')}); make the directory writable or name another.",
                e);
        }

        _options = new RpcNetCertificateOptions
        {
            Path = made.CertificatePath,
            KeyPath = made.KeyPath,
            TrustedCaPath = made.AuthorityPath,
            Names = _configured.Names,
            Client = _configured.Client,
            Cluster = _configured.Cluster,
            DevelopmentDirectory = _configured.DevelopmentDirectory,
            ReloadInterval = _configured.ReloadInterval,
        };
    }

    /// <summary>What must be configured and is not.</summary>
    private List<string> Missing()
    {
        var problems = new List<string>();
        if (_serves && !_options.IsSet)
        {
            problems.Add(
                $"{Key}:Path = '': a serving process needs a certificate. Set {Key}:Path and {Key}:KeyPath (PEM) or {Key}:PfxPath and "
                + $"{Key}:Password; "
                + (_environment.IsDevelopment()
                    ? $"or leave out {Key}:TrustedCaPath to have development certificates made."
                    : $"or set DOTNET_ENVIRONMENT=Development (it is '{_environment.EnvironmentName}') to have development certificates made."));
        }

        if (_member && !AllowAnonymousCluster && _options.TrustedCaPath is not { Length: > 0 } && _options.Cluster.TrustedCaPath is not { Length: > 0 })
        {
            problems.Add(
                $"{Key}:Cluster:TrustedCaPath = '': members of a cluster must know each other's authority. Set it, or {Key}:TrustedCaPath, to "
                + $"a PEM file with the authority's certificate; {Key}:Cluster:AllowAnonymous = true lets in whoever reaches the port.");
        }

        return problems;
    }

    private CertificateSet? Read(List<string> problems)
    {
        var before = problems.Count;
        var root = _environment.ContentRootPath;
        var now = _time.GetUtcNow();
        var own = Identity(_options, Key);
        var set = new CertificateSet
        {
            Default = own,
            Client = Identity(_options.Client, $"{Key}:Client") ?? AsClient(own),
            Cluster = Identity(_options.Cluster, $"{Key}:Cluster") ?? AsClient(own),
            Roots = Roots(_options.TrustedCaPath, Key),
            ClusterRoots = Roots(_options.Cluster.TrustedCaPath, $"{Key}:Cluster") ?? Roots(_options.TrustedCaPath, Key, report: false),
        };
        foreach (var (name, options) in _options.Names)
        {
            if (Identity(options, $"{Key}:Names:{name}") is { } identity)
            {
                set.Names[name] = identity;
            }
        }

        if (problems.Count == before && _member && !AllowAnonymousCluster && set.Cluster is null && own is not null)
        {
            problems.Add(
                $"{Key}:Path = '{_options.Path ?? _options.PfxPath}': the certificate '{own.Certificate.Subject}' lacks the client authentication "
                + $"usage, which members of a cluster need; use one that has it, or set {Key}:Cluster:Path to one.");
        }

        return problems.Count == before ? set : null;

        TlsIdentity? Identity(RpcNetIdentityOptions options, string key) =>
            options.IsSet ? Try(() => CertificateFiles.LoadIdentity(options, key, root, now), report: true) : null;

        X509Certificate2Collection? Roots(string? path, string key, bool report = true) =>
            path is { Length: > 0 } ? Try(() => CertificateFiles.LoadAuthorities(path, key, root, now), report) : null;

        T? Try<T>(Func<T> read, bool report)
            where T : class
        {
            try
            {
                return read();
            }
            catch (RpcNetStartupException e)
            {
                problems.AddRange(report ? e.Problems : []);
                return null;
            }
        }

        static TlsIdentity? AsClient(TlsIdentity? identity) =>
            identity is not null && CertificateFiles.AllowsClientAuthentication(identity.Certificate) ? identity : null;
    }

    private async Task WatchAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(_options.ReloadInterval, _time);
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false))
            {
                Reload();
            }
        }
        catch (OperationCanceledException)
        {
            // The host is being disposed.
        }
    }

    private void Reload()
    {
        var stamps = Stamps();
        if (stamps.Count == _stamps.Count && stamps.All(s => _stamps.TryGetValue(s.Key, out var old) && old == s.Value))
        {
            return;
        }

        // Stamped before reading: a file that changes while it is read is read again.
        _stamps = stamps;
        var problems = new List<string>();
        if (Read(problems) is { } set)
        {
            _set = set;
            HostingLog.CertificatesReloaded(_logger, set.Default?.Certificate.Subject, set.Default?.Certificate.NotAfter.ToUniversalTime());
            WarnOfExpiry();
            return;
        }

        foreach (var problem in problems)
        {
            HostingLog.CertificatesNotReloaded(_logger, problem);
        }
    }

    private void WarnOfExpiry()
    {
        TlsIdentity?[] identities = [Current.Default, Current.Client, Current.Cluster, .. Current.Names.Values];
        foreach (var identity in identities.OfType<TlsIdentity>().Distinct())
        {
            var until = identity.Certificate.NotAfter.ToUniversalTime();
            if (until - ExpiryWarning < _time.GetUtcNow().UtcDateTime)
            {
                HostingLog.CertificateExpiresSoon(_logger, identity.Certificate.Subject, until);
            }
        }
    }

    private Dictionary<string, (DateTime WriteTime, long Length)> Stamps()
    {
        var stamps = new Dictionary<string, (DateTime, long)>(StringComparer.Ordinal);
        RpcNetIdentityOptions[] identities = [_options, _options.Client, _options.Cluster, .. _options.Names.Values];
        var paths = identities.SelectMany(static i => new[] { i.Path, i.KeyPath, i.PfxPath })
            .Append(_options.TrustedCaPath)
            .Append(_options.Cluster.TrustedCaPath);
        foreach (var path in paths.OfType<string>().Where(static p => p.Length > 0))
        {
            stamps[path] = Stamp(new FileInfo(CertificateFiles.Resolve(_environment.ContentRootPath, path)));
        }

        return stamps;
    }

    private static (DateTime WriteTime, long Length) Stamp(FileInfo file)
    {
        try
        {
            // Mounted secrets are links, whose own times do not change when their target does.
            var target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            return target.Exists ? (target.LastWriteTimeUtc, target.Length) : default;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No file, no stamp; reading it says what is wrong.
            return default;
        }
    }

    /// <summary>What one reading of the files gave.</summary>
    private sealed class CertificateSet
    {
        public TlsIdentity? Default { get; init; }

        public TlsIdentity? Client { get; init; }

        public TlsIdentity? Cluster { get; init; }

        public Dictionary<string, TlsIdentity> Names { get; } = new(StringComparer.OrdinalIgnoreCase);

        public X509Certificate2Collection? Roots { get; init; }

        public X509Certificate2Collection? ClusterRoots { get; init; }

        /// <summary>A client may be one of the calls or a member of the cluster: which of them is known only after the handshake.</summary>
        public X509Certificate2Collection? ClientRoots => (Roots, ClusterRoots) switch
        {
            (null, null) => null,
            ({ } roots, null) => roots,
            (null, { } roots) => roots,
            ({ } roots, { } cluster) => [.. roots, .. cluster],
        };
    }
}

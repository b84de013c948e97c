using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Hosting.Configuration;
using RpcNet.Transports;

namespace RpcNet.Hosting.Certificates;

/// <summary>The certificates of the configuration, read from their sources and read again when these change.</summary>
internal sealed partial class RpcCertificates : IRpcCertificates, IAsyncDisposable
{
    private static readonly TimeSpan ExpiryWarning = TimeSpan.FromDays(14);

    private readonly RpcNetCertificateOptions _configured;
    private readonly IHostEnvironment _environment;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _reading = new(1, 1);
    private CertificateSources _sources;
    private CertificateReader? _reader;
    private volatile CertificateSet? _set;
    private Dictionary<string, object> _stamps = [];
    private Task _watching = Task.CompletedTask;
    private bool _serves;
    private bool _member;
    private Task? _disposal;

    public RpcCertificates(RpcNetSettings settings, IHostEnvironment environment, TimeProvider time, ILoggerFactory loggers)
    {
        _configured = settings.Options.Certificates;
        _sources = CertificateSources.From(settings.Options, settings.Clients);
        _environment = environment;
        _time = time;
        _logger = loggers.CreateLogger(HostingLog.Category);
        ValidateServer = context => Judge(Current.Roots, context);
        ValidateClient = context => JudgeClient(Current.ClientRoots, context, $"{Key}:TrustedCaPath");
        ValidateMember = context => Judge(Current.ClusterRoots, context);
    }

    public TlsIdentity? ClientIdentity => Current.Client;

    public TlsIdentity? ClusterIdentity => Current.Cluster;

    public bool AllowAnonymousCluster => _configured.Cluster.AllowAnonymous;

    public string? ClusterTargetHost => _configured.Cluster.TargetHost is { Length: > 0 } host ? host : null;

    public PeerCertificateValidator ValidateServer { get; }

    public PeerCertificateValidator? ValidateClient { get => _set?.ClientRoots is null ? null : field; }

    public PeerCertificateValidator ValidateMember { get; }

    private static string Key => $"{RpcNetOptions.SectionName}:Certificates";

    private CertificateSet Current => _set ?? throw new InvalidOperationException("RpcNet's certificates are not loaded yet: calls can be made once the host has started.");

    public TlsIdentity? GetServerIdentity(string? serverName) => Current.Server.Select(serverName);

    public TlsIdentity? GetServerIdentity(string? serverName, string server) =>
        (Current.Servers.GetValueOrDefault(server) ?? Current.Server).Select(serverName);

    public PeerCertificateValidator? GetClientValidator(string server) => RootsOfClients(server) is null
        ? null
        : context => JudgeClient(RootsOfClients(server), context, $"{RpcNetOptions.SectionName}:Servers:{server}:Certificates:TrustedCaPath");

    public TlsIdentity? GetClientIdentity(string client) => Current.Clients.GetValueOrDefault(client)?.Identity ?? Current.Client;

    public PeerCertificateValidator GetServerValidator(string client) =>
        context => Judge(Current.Clients.GetValueOrDefault(client)?.Roots ?? Current.Roots, context);

    public async ValueTask LoadAsync(bool serves, bool member, CancellationToken cancellationToken)
    {
        (_serves, _member) = (serves, member);
        _sources = _sources with { Process = await WithDevelopmentAsync(_sources.Process, cancellationToken).ConfigureAwait(false) };
        _reader = new CertificateReader(_environment.ContentRootPath, member, _time);
        var problems = Missing(_sources);
        var stamps = await _reader.StampAsync(_sources, cancellationToken).ConfigureAwait(false);
        var set = await _reader.ReadAsync(_sources, problems, cancellationToken).ConfigureAwait(false);
        RefuseDevelopmentCertificates(set, problems);
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

    private static string? Judge(X509Certificate2Collection? roots, PeerCertificateContext context) =>
        (roots is null ? CertificateValidators.SystemTrust : CertificateValidators.CustomTrust(() => roots))(context);

    private static string? JudgeClient(X509Certificate2Collection? roots, PeerCertificateContext context, string setting) => roots is null
        ? $"no authority is configured that clients' certificates could chain to ({setting})"
        : Judge(roots, context);

    private X509Certificate2Collection? RootsOfClients(string server) => (Current.Servers.GetValueOrDefault(server) ?? Current.Server).Roots;

    private async Task StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        _stop.Dispose();
        _reading.Dispose();
    }

    /// <summary>In Development, for whatever is not configured.</summary>
    private async Task<RpcNetCertificateOptions> WithDevelopmentAsync(RpcNetCertificateOptions options, CancellationToken cancellationToken)
    {
        if (!_environment.IsDevelopment() || options.IsSet || options.TrustedCaPath is { Length: > 0 })
        {
            return options;
        }

        var made = new DevelopmentCertificates(
            CertificateFiles.Resolve(_environment.ContentRootPath, options.DevelopmentDirectory), _time, _logger);
        try
        {
            await made.EnsureAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RpcNetStartupException(
                $"{Key}:DevelopmentDirectory = '{options.DevelopmentDirectory}': development certificates cannot be made there "
                + $"({e.Message.TrimEnd('.')}); make the directory writable or name another.",
                e);
        }

        return new RpcNetCertificateOptions
        {
            Path = made.CertificatePath,
            KeyPath = made.KeyPath,
            TrustedCaPath = made.AuthorityPath,
            Names = options.Names,
            Client = options.Client,
            Cluster = options.Cluster,
            DevelopmentDirectory = options.DevelopmentDirectory,
            ReloadInterval = options.ReloadInterval,
        };
    }

    /// <summary>What must be configured and is not.</summary>
    private List<string> Missing(CertificateSources sources)
    {
        var options = sources.Process;
        var problems = new List<string>();
        if (_serves && !options.IsSet)
        {
            problems.Add(
                $"{Key}:Path = '': a serving process needs a certificate. Set {Key}:Path and {Key}:KeyPath (PEM), {Key}:PfxPath and "
                + $"{Key}:Password, or {Key}:Store:Thumbprint; "
                + (_environment.IsDevelopment()
                    ? $"or leave out {Key}:TrustedCaPath to have development certificates made."
                    : $"or set DOTNET_ENVIRONMENT=Development (it is '{_environment.EnvironmentName}') to have development certificates made."));
        }

        if (_member && !AllowAnonymousCluster && options.TrustedCaPath is not { Length: > 0 } && options.Cluster.TrustedCaPath is not { Length: > 0 })
        {
            problems.Add(
                $"{Key}:Cluster:TrustedCaPath = '': members of a cluster must know each other's authority. Set it, or {Key}:TrustedCaPath, to "
                + $"a PEM file with the authority's certificate; {Key}:Cluster:AllowAnonymous = true lets in whoever reaches the port.");
        }

        return problems;
    }

    private void RefuseDevelopmentCertificates(CertificateSet? set, List<string> problems)
    {
        if (!_environment.IsDevelopment() && set?.Identities.Any(static i => i.Certificate.Issuer == DevelopmentCertificates.AuthorityName) == true)
        {
            problems.Add(
                $"{Key}:Path = '{_sources.Process.Path ?? _sources.Process.PfxPath}': this is a development certificate, whose authority's key lies "
                + $"beside it; the environment is '{_environment.EnvironmentName}' and needs one of your own authority.");
        }
    }

    private void WarnOfExpiry()
    {
        foreach (var identity in Current.Identities)
        {
            var until = identity.Certificate.NotAfter.ToUniversalTime();
            if (until - ExpiryWarning < _time.GetUtcNow().UtcDateTime)
            {
                HostingLog.CertificateExpiresSoon(_logger, identity.Certificate.Subject, until);
            }
        }
    }
}

using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports;

namespace RpcNet.Hosting.Certificates;

/// <summary>Reads all identities and authorities of the options from their sources, and sees whether a source has changed.</summary>
internal sealed class CertificateReader(string root, bool member, TimeProvider time)
{
    private static string Key => $"{RpcNetOptions.SectionName}:Certificates";

    /// <summary>Reads everything.</summary>
    /// <param name="sources">The options.</param>
    /// <param name="problems">Receives what cannot be used: setting, value, remedy.</param>
    /// <param name="cancellationToken">Abandons the reading.</param>
    /// <returns>Null when there was a problem.</returns>
    public async Task<CertificateSet?> ReadAsync(CertificateSources sources, List<string> problems, CancellationToken cancellationToken)
    {
        var before = problems.Count;
        var options = sources.Process;
        var own = await ServerAsync(options, Key, parent: null, problems, cancellationToken).ConfigureAwait(false);
        var set = new CertificateSet
        {
            Server = own,
            Client = await IdentityAsync(options.Client, $"{Key}:Client", problems, cancellationToken).ConfigureAwait(false) ?? AsClient(own.Default),
            Cluster = await IdentityAsync(options.Cluster, $"{Key}:Cluster", problems, cancellationToken).ConfigureAwait(false) ?? AsClient(own.Default),
            ClusterRoots = Roots(options.Cluster.TrustedCaPath, $"{Key}:Cluster", problems) ?? own.Roots,
        };
        foreach (var (name, server) in sources.Servers.Where(static s => s.Value.HasAny))
        {
            var key = $"{RpcNetOptions.SectionName}:Servers:{name}:Certificates";
            set.Servers[name] = await ServerAsync(server, key, own, problems, cancellationToken).ConfigureAwait(false);
        }

        foreach (var (name, client) in sources.Clients.Where(static c => c.Value.HasAny))
        {
            var key = $"{RpcNetOptions.SectionName}:Clients:{name}:Certificate";
            set.Clients[name] = new ClientIdentity(
                await IdentityAsync(client, key, problems, cancellationToken).ConfigureAwait(false), Roots(client.TrustedCaPath, key, problems));
        }

        if (problems.Count == before && member && !options.Cluster.AllowAnonymous && set.Cluster is null && own.Default is { } lacking)
        {
            problems.Add(
                $"{Key}:Path = '{options.Path ?? options.PfxPath}': the certificate '{lacking.Certificate.Subject}' lacks the client authentication "
                + $"usage, which members of a cluster need; use one that has it, or set {Key}:Cluster:Path to one.");
        }

        return problems.Count == before ? set : null;
    }

    /// <summary>What tells whether reading again would give something else.</summary>
    public async Task<Dictionary<string, object>> StampAsync(CertificateSources sources, CancellationToken cancellationToken)
    {
        var stamps = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var path in sources.Paths)
        {
            stamps[path] = Stamp(new FileInfo(CertificateFiles.Resolve(root, path)));
        }

        foreach (var (identity, index) in sources.Identities.Select(static (identity, index) => (identity, index)))
        {
            if (!identity.HasFiles && identity.IsSet)
            {
                stamps[$"{index}"] = await ThumbprintAsync(identity, cancellationToken).ConfigureAwait(false);
            }
        }

        return stamps;
    }

    private static TlsIdentity? AsClient(TlsIdentity? identity) =>
        identity is not null && CertificateFiles.AllowsClientAuthentication(identity.Certificate) ? identity : null;

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

    private static async Task<TlsIdentity> AskAsync(
        Func<CancellationToken, ValueTask<TlsIdentity>> callback, string key, CancellationToken cancellationToken)
    {
        try
        {
            return await callback(cancellationToken).ConfigureAwait(false)
                ?? throw new RpcNetStartupException($"{key}: the callback given to UseCallback gave no certificate; it must give one or throw.");
        }
        catch (Exception e) when (e is not (OperationCanceledException or RpcNetStartupException))
        {
            throw new RpcNetStartupException($"{key}: the callback given to UseCallback failed ({CertificateFiles.Sentence(e)}); see to its source.", e);
        }
    }

    /// <summary>Or why there is none.</summary>
    private async Task<string> ThumbprintAsync(RpcNetIdentityOptions options, CancellationToken cancellationToken)
    {
        try
        {
            return options.GetCallback() is { } callback
                ? (await AskAsync(callback, key: "", cancellationToken).ConfigureAwait(false)).Certificate.Thumbprint
                : CertificateStores.Find(options.Store, key: "", time.GetUtcNow()).Thumbprint;
        }
        catch (RpcNetStartupException e)
        {
            return e.Message;
        }
    }

    private async Task<ServerIdentities> ServerAsync(
        RpcNetServerCertificateOptions options, string key, ServerIdentities? parent, List<string> problems, CancellationToken cancellationToken)
    {
        var server = new ServerIdentities
        {
            Default = await IdentityAsync(options, key, problems, cancellationToken).ConfigureAwait(false) ?? parent?.Default,
            Roots = Roots(options.TrustedCaPath, key, problems) ?? parent?.Roots,
        };
        foreach (var (name, named) in options.Names)
        {
            if (await IdentityAsync(named, $"{key}:Names:{name}", problems, cancellationToken).ConfigureAwait(false) is { } identity)
            {
                server.Names[name] = identity;
            }
        }

        return server;
    }

    private async Task<TlsIdentity?> IdentityAsync(
        RpcNetIdentityOptions options, string key, List<string> problems, CancellationToken cancellationToken)
    {
        try
        {
            if (options.GetCallback() is { } callback)
            {
                var given = await AskAsync(callback, key, cancellationToken).ConfigureAwait(false);
                CertificateFiles.CheckValidity(given.Certificate, $"{key} (UseCallback)", time.GetUtcNow());
                return given;
            }

            return options switch
            {
                { HasFiles: true } => CertificateFiles.LoadIdentity(options, key, root, time.GetUtcNow()),
                { Store.IsSet: true } => CertificateStores.Load(options.Store, $"{key}:Store", time.GetUtcNow()),
                _ => null,
            };
        }
        catch (RpcNetStartupException e)
        {
            problems.AddRange(e.Problems);
            return null;
        }
    }

    private X509Certificate2Collection? Roots(string? path, string key, List<string> problems)
    {
        try
        {
            return path is { Length: > 0 } ? CertificateFiles.LoadAuthorities(path, key, root, time.GetUtcNow()) : null;
        }
        catch (RpcNetStartupException e)
        {
            problems.AddRange(e.Problems);
            return null;
        }
    }
}

/// <summary>All options that name certificates.</summary>
internal sealed record CertificateSources(
    RpcNetCertificateOptions Process,
    IReadOnlyDictionary<string, RpcNetServerCertificateOptions> Servers,
    IReadOnlyDictionary<string, RpcClientCertificateOptions> Clients)
{
    public IEnumerable<RpcNetIdentityOptions> Identities =>
    [
        Process, Process.Client, Process.Cluster, .. Process.Names.Values,
        .. Servers.Values, .. Servers.Values.SelectMany(static s => s.Names.Values), .. Clients.Values,
    ];

    /// <summary>All files named, as they are written.</summary>
    public IEnumerable<string> Paths => Identities.SelectMany(static i => new[] { i.Path, i.KeyPath, i.PfxPath })
        .Append(Process.TrustedCaPath)
        .Append(Process.Cluster.TrustedCaPath)
        .Concat(Servers.Values.Select(static s => s.TrustedCaPath))
        .Concat(Clients.Values.Select(static c => c.TrustedCaPath))
        .OfType<string>()
        .Where(static p => p.Length > 0)
        .Distinct(StringComparer.Ordinal);

    public static CertificateSources From(RpcNetOptions options, IReadOnlyDictionary<string, RpcClientOptions> clients) => new(
        options.Certificates,
        options.Servers.ToDictionary(static s => s.Key, static s => s.Value.Certificates, StringComparer.OrdinalIgnoreCase),
        clients.ToDictionary(static c => c.Key, static c => c.Value.Certificate, StringComparer.OrdinalIgnoreCase));
}

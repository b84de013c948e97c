using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using RpcNet.Cluster;
using RpcNet.Hosting.Certificates;
using RpcNet.Server;

namespace RpcNet.Hosting.Configuration;

/// <summary>
/// Follows the configuration while the host runs. What can change safely does: tags, limits, certificates. What cannot is refused,
/// and so is a configuration that has any mistake, as a whole.
/// </summary>
internal sealed class ReloadService(IConfiguration? section, RpcNetRegistration registration, ReloadTargets targets, ILoggerFactory loggers) :
    IHostedService, IAsyncDisposable
{
    private const string Tags = $"{nameof(RpcNetOptions.Cluster)}:{nameof(ClusterOptions.Tags)}:";

    private readonly ILogger _logger = loggers.CreateLogger(HostingLog.Category);
    private readonly SemaphoreSlim _changed = new(0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<IDisposable> _subscriptions = [];
    private Dictionary<string, string?> _inForce = [];
    private Task _following = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _inForce = Read();
        foreach (var source in registration.Servers.Values.Select(static s => s.Section).Append(section).OfType<IConfiguration>())
        {
            _subscriptions.Add(ChangeToken.OnChange(source.GetReloadToken, () => _changed.Release()));
        }

        _following = FollowAsync();
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _subscriptions.ForEach(static s => s.Dispose());
        await _stop.CancelAsync().ConfigureAwait(false);
        await _following.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None).ConfigureAwait(false);
        _changed.Dispose();
        _stop.Dispose();
    }

    private static ReloadKind KindOf(string key)
    {
        var parts = key.ToUpperInvariant().Split(':');
        if (parts is ["SERVERS", _, .. var rest])
        {
            parts = rest;
        }

        return parts switch
        {
            ["CLUSTER", "TAGS", ..] => ReloadKind.Tag,
            ["SERVER", "LIMITS", "LANES"] => ReloadKind.NeedsRestart,
            ["SERVER", "LIMITS", ..] or ["SERVER", "MAXCONCURRENTCALLS"] => ReloadKind.Limit,
            ["CERTIFICATES", "CLUSTER", "ALLOWANONYMOUS" or "TARGETHOST"] => ReloadKind.NeedsRestart,
            ["CERTIFICATES", "RELOADINTERVAL" or "DEVELOPMENTDIRECTORY"] => ReloadKind.NeedsRestart,
            ["CERTIFICATES", ..] or ["CLIENTS", _, "CERTIFICATE", ..] => ReloadKind.Certificate,
            _ => ReloadKind.NeedsRestart,
        };
    }

    /// <summary>All settings as text, those of servers with a section elsewhere as if it were below RpcNet:Servers.</summary>
    private Dictionary<string, string?> Read()
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        Add(section, prefix: "");
        foreach (var (name, server) in registration.Servers)
        {
            Add(server.Section, $"{nameof(RpcNetOptions.Servers)}:{name}:");
        }

        return settings;

        void Add(IConfiguration? source, string prefix)
        {
            foreach (var (key, value) in source?.AsEnumerable(makePathsRelative: true).Where(static s => s.Value is not null) ?? [])
            {
                settings[prefix + key] = value;
            }
        }
    }

    private async Task FollowAsync()
    {
        try
        {
            while (true)
            {
                await _changed.WaitAsync(_stop.Token).ConfigureAwait(false);
                await ApplyAsync(Read()).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task ApplyAsync(Dictionary<string, string?> now)
    {
        var changed = now.Keys.Union(_inForce.Keys, StringComparer.OrdinalIgnoreCase)
            .Where(key => now.GetValueOrDefault(key) != _inForce.GetValueOrDefault(key))
            .ToLookup(KindOf);
        if (changed.Count == 0)
        {
            return;
        }

        RpcNetSettings settings;
        try
        {
            settings = targets.Read();
        }
        catch (RpcNetStartupException e)
        {
            foreach (var problem in e.Problems)
            {
                HostingLog.ReloadRefused(_logger, problem);
            }

            return;
        }

        _inForce = now;
        foreach (var key in changed[ReloadKind.Tag])
        {
            await PublishAsync(key[Tags.Length..], now.GetValueOrDefault(key)).ConfigureAwait(false);
        }

        if (changed[ReloadKind.Limit].Any())
        {
            UpdateLimits(settings, changed[ReloadKind.Limit]);
        }

        if (changed[ReloadKind.Certificate].Any())
        {
            await ReplaceCertificatesAsync(settings).ConfigureAwait(false);
        }

        if (changed[ReloadKind.NeedsRestart].Any())
        {
            HostingLog.RestartNeeded(_logger, string.Join(", ", changed[ReloadKind.NeedsRestart].Order(StringComparer.Ordinal)));
        }
    }

    private void UpdateLimits(RpcNetSettings settings, IEnumerable<string> keys)
    {
        foreach (var name in registration.Servers.Keys.Cast<string?>().Prepend(null))
        {
            var (present, changed) = name is null
                ? (targets.Settings.Options.Server, settings.Options.Server)
                : (targets.Settings.Options.Servers[name].Server, settings.Options.Servers[name].Server);

            // The engine has been told how many lanes a connection may open.
            targets.Server(name).UpdateLimits(changed.Limits.ToLimits() with { Lanes = present.Limits.Lanes }, changed.MaxConcurrentCalls);
        }

        HostingLog.LimitsReloaded(_logger, string.Join(", ", keys.Order(StringComparer.Ordinal)));
    }

    private async Task ReplaceCertificatesAsync(RpcNetSettings settings)
    {
        if (targets.Certificates is not RpcCertificates certificates)
        {
            // The application brings certificates of its own and does not read the section.
            return;
        }

        foreach (var problem in await certificates.ReplaceAsync(settings.Options, settings.Clients, _stop.Token).ConfigureAwait(false))
        {
            HostingLog.CertificatesNotReloaded(_logger, problem);
        }
    }

    private async Task PublishAsync(string tag, string? value)
    {
        if (targets.Membership is not { } membership)
        {
            return;
        }

        try
        {
            await membership.SetTagAsync(tag, value, _stop.Token).ConfigureAwait(false);
            HostingLog.TagReloaded(_logger, tag, value);
        }
        catch (ArgumentException e)
        {
            HostingLog.ReloadRefused(_logger, $"RpcNet:{Tags}{tag} = '{value}': {e.Message}");
        }
        catch (ObjectDisposedException)
        {
            // The node has left: nobody is to be told any more.
        }
    }

    private enum ReloadKind
    {
        Tag,
        Limit,
        Certificate,
        NeedsRestart,
    }
}

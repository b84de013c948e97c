using System.Net;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting.Cluster;

/// <summary>Takes part in the cluster once the listener is up; says good-bye before it closes.</summary>
internal sealed class GossipService(
    Lazy<RpcNetSettings> settings, Lazy<ClusterNode> node, RpcNetEndpoint endpoint, ClusterStatus status, IHostApplicationLifetime lifetime, ILoggerFactory loggers) :
    IHostedService, IAsyncDisposable
{
    private readonly ILogger _logger = loggers.CreateLogger(HostingLog.Category);
    private readonly CancellationTokenSource _stop = new();
    private ClusterNode? _node;
    private Task _joining = Task.CompletedTask;
    private Task _watching = Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        endpoint.HasMember = true;
        var listening = await endpoint.Listening.WaitAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new RpcNetStartupException($"{RpcNetOptions.SectionName}:Listen:Address = '': must be set in a member of a cluster.");
        var options = settings.Value.Options.Cluster;
        if (options.AdvertiseAddress is null && (listening.Address.Equals(IPAddress.Any) || listening.Address.Equals(IPAddress.IPv6Any)))
        {
            throw new RpcNetStartupException(
                $"{RpcNetOptions.SectionName}:Cluster:AdvertiseAddress = '': must be \"ip:port\" (port 0 takes the listener's), since "
                + $"{RpcNetOptions.SectionName}:Listen:Address binds all addresses and the others must know one.");
        }

        _node = node.Value;
        await _node.StartAsync(listening, cancellationToken: cancellationToken).ConfigureAwait(false);
        _watching = WatchAsync(_node);
        _joining = options.Seeds.Count == 0 ? Task.CompletedTask : JoinAsync(_node, options.ClusterName);
        if (options.Seeds.Count == 0)
        {
            status.Joined = true;
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _stop.CancelAsync().ConfigureAwait(false);
            await _joining.ConfigureAwait(false);
            status.Joined = false;
            if (_node is not null)
            {
                await _node.LeaveAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            if (_node is not null)
            {
                await _node.DisposeAsync().ConfigureAwait(false);
            }

            await _watching.ConfigureAwait(false);
            endpoint.MemberIsStopped();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _joining.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task WatchAsync(ClusterNode member)
    {
        try
        {
            await member.Completion.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            status.Joined = false;
            HostingLog.MemberFailed(_logger, e.Message, e);
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }

    private async Task JoinAsync(ClusterNode member, string cluster)
    {
        try
        {
            await member.JoinAsync([], _stop.Token).ConfigureAwait(false);
            status.Joined = true;
            HostingLog.Joined(_logger, cluster);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // Stopped before a seed answered.
        }
    }
}

/// <summary>What health checks ask of the cluster's part.</summary>
internal sealed class ClusterStatus
{
    private volatile bool _joined;

    /// <summary>Whether a seed has answered, or there is none to ask.</summary>
    public bool Joined
    {
        get => _joined;
        set => _joined = value;
    }
}

namespace RpcNet.Cluster;

public sealed partial class WorkerRegistry
{
    private void OnAdded(Worker worker)
    {
    }

    private void OnRemoved(Worker worker, bool failed)
    {
    }
}

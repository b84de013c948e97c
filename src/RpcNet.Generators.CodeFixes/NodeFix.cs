using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;

namespace RpcNet.Generators.CodeFixes;

/// <summary>A fix of the node that a diagnostic stands at.</summary>
/// <typeparam name="TNode">The kind of node; the diagnostic may stand inside of it.</typeparam>
public abstract class NodeFix<TNode> : CodeFixProvider
    where TNode : SyntaxNode
{
    /// <inheritdoc/>
    public override FixAllProvider? GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    /// <inheritdoc/>
    public sealed override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        var document = context.Document;
        var root = await document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        var model = await document.GetSemanticModelAsync(context.CancellationToken).ConfigureAwait(false);
        if (root?.FindNode(context.Span).FirstAncestorOrSelf<TNode>() is { } node
            && model is not null
            && Find(new Place(document, root, model, context.CancellationToken), node) is { } change)
        {
            context.RegisterCodeFix(
                CodeAction.Create(change.Title, change.ApplyAsync, $"{GetType().Name} {change.Title}"), context.Diagnostics);
        }
    }

    /// <summary>What can be done about the node; null for nothing.</summary>
    private protected abstract Change? Find(Place place, TNode node);

    /// <summary>Where the node is.</summary>
    private protected sealed class Place(Document document, SyntaxNode root, SemanticModel model, CancellationToken cancellationToken)
    {
        public Document Document => document;

        public SemanticModel Model => model;

        public CancellationToken CancellationToken => cancellationToken;

        /// <summary>The document with one node in place of another.</summary>
        public Task<Document> ReplaceAsync(SyntaxNode old, SyntaxNode replacement) =>
            Task.FromResult(document.WithSyntaxRoot(root.ReplaceNode(old, replacement)));
    }

    /// <summary>A change and what the editor calls it.</summary>
    private protected sealed class Change(string title, Func<CancellationToken, Task<Document>> applyAsync)
    {
        public string Title => title;

        public Func<CancellationToken, Task<Document>> ApplyAsync => applyAsync;
    }
}

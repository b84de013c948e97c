using System.Collections.Immutable;
using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Editing;

namespace RpcNet.Generators.CodeFixes;

/// <summary>RPCNET012: removes the attribute that has no effect.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp), Shared]
public sealed class MisplacedRpcMethodFix : NodeFix<AttributeSyntax>
{
    /// <inheritdoc/>
    public override ImmutableArray<string> FixableDiagnosticIds => ["RPCNET012"];

    private protected override Change? Find(Place place, AttributeSyntax node) => new("Remove [RpcMethod]", async token =>
    {
        var editor = await DocumentEditor.CreateAsync(place.Document, token).ConfigureAwait(false);
        editor.RemoveNode(node);
        return editor.GetChangedDocument();
    });
}
